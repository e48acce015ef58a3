-- How long the API keys of one provider rest.
--
-- KEYS  1 a hash: a key's fingerprint -> "until reason", in microseconds
-- ARGV  1 now in microseconds, "" for the server's time
--       then, for every key that is to rest: its fingerprint, for how many microseconds, and why
-- Answers fingerprint, microseconds left and reason of every key that rests. The longer of two rests wins.

local LONGEST = 86400000000 -- a day: no key is told to rest longer, so what says so is not ours

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end

local found = redis.call('TYPE', KEYS[1]).ok
if found ~= 'hash' and found ~= 'none' then redis.call('DEL', KEYS[1]) end

local resting, latest = {}, 0
local held = redis.call('HGETALL', KEYS[1])
for index = 1, #held, 2 do
  local till, reason = string.match(held[index + 1], '^(%d+) (%l+)$')
  till = tonumber(till)
  if till and till > now and till <= now + LONGEST then
    resting[held[index]] = { till, reason }
  else
    redis.call('HDEL', KEYS[1], held[index])
  end
end

for index = 2, #ARGV, 3 do
  local till = now + math.min(tonumber(ARGV[index + 1]), LONGEST)
  local before = resting[ARGV[index]]
  if till > now and not (before and before[1] >= till) then
    resting[ARGV[index]] = { till, ARGV[index + 2] }
    redis.call('HSET', KEYS[1], ARGV[index], string.format('%.0f ', till) .. ARGV[index + 2])
  end
end

local answer = {}
for fingerprint, rest in pairs(resting) do
  latest = math.max(latest, rest[1])
  table.insert(answer, fingerprint)
  table.insert(answer, string.format('%.0f', rest[1] - now))
  table.insert(answer, rest[2])
end
if latest > 0 then redis.call('PEXPIRE', KEYS[1], math.ceil((latest - now) / 1000)) end
return answer
