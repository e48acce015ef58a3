-- How many turns a conversation has, and its summary. KEYS: turns, what is known of it.
return {redis.call("LLEN", KEYS[1]), redis.call("HGET", KEYS[2], "summary") or ""}
