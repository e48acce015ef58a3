-- How many retries a target may still cost: a bucket that successes and time fill and retries empty.
--
-- KEYS  1 a hash: left, at
-- ARGV  1 now in microseconds, "" for the server's time   2 capacity   3 what fills it in a second
--       4 to add   5 to take, if that much is there
-- Answers 1 if it was taken, else 0. Everything is in billionths of a retry; a bucket that is not there is full.

local DAY_MS = 86400000

local function digits(number) return string.format('%.0f', number) end

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local capacity, rate = tonumber(ARGV[2]), tonumber(ARGV[3])
local add, take = tonumber(ARGV[4]), tonumber(ARGV[5])

local found = redis.call('TYPE', KEYS[1]).ok
if found ~= 'hash' and found ~= 'none' then redis.call('DEL', KEYS[1]) end

local held = redis.call('HMGET', KEYS[1], 'left', 'at')
local left, at = tonumber(held[1] or nil), tonumber(held[2] or nil)
if not (left and at and left == left and at == at) then left, at = capacity, now end

-- A clock that was set back fills nothing and stops nothing: time goes on from here.
left = math.min(math.max(left, 0) + math.max(now - at, 0) * rate / 1000000 + add, capacity)
local enough = left >= take
if enough then left = left - take end

if left >= capacity then
  redis.call('DEL', KEYS[1])
else
  redis.call('HSET', KEYS[1], 'left', digits(left), 'at', digits(now))
  local full = rate > 0 and (capacity - left) / rate * 1000 or DAY_MS
  redis.call('PEXPIRE', KEYS[1], math.ceil(math.min(full + 60000, DAY_MS)))
end
return { enough and 1 or 0 }
