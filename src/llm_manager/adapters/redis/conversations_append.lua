-- Turns for one conversation, if nobody has added any since it was read.
-- KEYS: turns, what is known of it, the list of all. ARGV: the version that was read, its place in that list, its
-- summary, how the turn begins that they were said after, the turns.
-- Nothing is begun anew here: what is not ours makes a command fail, and the script with it. Redis undoes nothing of a
-- script that fails, so each key is touched before anything is written to another.
local expected, place, summary, after = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local held = redis.call("LLEN", KEYS[1])
local last = held > 0 and redis.call("LINDEX", KEYS[1], -1) or after

if held ~= expected or string.sub(last, 1, #after) ~= after then
  if held == 0 then
    return {"not found"}
  end
  for index = 5, #ARGV do
    if redis.call("LINDEX", KEYS[1], expected + index - 5) ~= ARGV[index] then
      return {"conflict"}
    end
  end
  return {"stored", expected + #ARGV - 4}
end

local before = redis.call("HGET", KEYS[2], "place")
redis.call("ZADD", KEYS[3], 0, place) -- the first to write, for it is refused where memory is full
if before and before ~= place then
  redis.call("ZREM", KEYS[3], before)
end
redis.call("HSET", KEYS[2], "place", place, "summary", summary)
for index = 5, #ARGV do
  redis.call("RPUSH", KEYS[1], ARGV[index])
end
return {"stored", expected + #ARGV - 4}
