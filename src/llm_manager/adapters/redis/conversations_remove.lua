-- Forget a conversation. KEYS: turns, what is known of it, the list of all.
local place = redis.call("HGET", KEYS[2], "place")
if place then
  redis.call("ZREM", KEYS[3], place)
end
redis.call("DEL", KEYS[2])
return {redis.call("DEL", KEYS[1])}
