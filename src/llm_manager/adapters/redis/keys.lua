-- How long the API keys of one provider rest, and how many calls each has in flight in all processes.
--
-- KEYS  1 rests, a hash: a key's fingerprint -> "until reason"
--       2 flights, a hash: a process -> "number seen", then " fingerprint:calls" for each key that it uses
--       3 waiting, a hash: "fingerprint process" -> "since seen"
-- ARGV  1 now in microseconds, "" for the server's time   2 name of the process   3 number of this word
--       4 how long a silent process is counted   5 most calls a key   6 fingerprint of a key that is wanted, or ""
--       7 how many keys it uses; for each its fingerprint and its calls
--       then, for every key that is to rest: its fingerprint, for how many microseconds, and why
--       (what rests because it was "refused" and is told to be "well" rests no longer)
-- Answers 1 if the key may be used once more, else 0; then fingerprint, microseconds left and reason of every key that
-- rests. The longer of two rests wins.
--
-- A process tells all its calls in flight and never what has changed, so that no word is missed for long. Who is refused
-- is served before those who come later, if it asks again before long: no process keeps a key from another.

local LONGEST = 86400000000 -- a day: no key is told to rest longer, so what says so is not ours

local STILL_WAITS = 1000000 -- who waits asks far more often

local function digits(number) return string.format('%.0f', number) end

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end

for _, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'hash' and found ~= 'none' then redis.call('DEL', key) end
end

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

local first_rest = 8 + 2 * tonumber(ARGV[7])
for index = first_rest, #ARGV, 3 do
  local till = now + math.min(tonumber(ARGV[index + 1]), LONGEST)
  local before = resting[ARGV[index]]
  if ARGV[index + 2] == 'well' then
    if before and before[2] == 'refused' then
      resting[ARGV[index]] = nil
      redis.call('HDEL', KEYS[1], ARGV[index])
    end
  elseif till > now and not (before and before[1] >= till) then
    resting[ARGV[index]] = { till, ARGV[index + 2] }
    redis.call('HSET', KEYS[1], ARGV[index], string.format('%.0f ', till) .. ARGV[index + 2])
  end
end

local name, number, silent, most, wanted = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]

-- How many calls with *wanted* others have in flight, and whether a later word of ours has been heard already.
local function elsewhere()
  local calls, is_late = 0, false
  local flights = redis.call('HGETALL', KEYS[2])
  for index = 1, #flights, 2 do
    local told, seen, uses = string.match(flights[index + 1], '^(%d+) (%d+)(.*)$')
    if not told or math.abs(now - tonumber(seen)) > silent then
      redis.call('HDEL', KEYS[2], flights[index])
    elseif flights[index] == name then
      is_late = tonumber(told) > number
    else
      for fingerprint, count in string.gmatch(uses, ' (%x+):(%d+)') do
        if fingerprint == wanted then calls = calls + tonumber(count) end
      end
    end
  end
  return calls, is_late
end

-- How many processes wait for *wanted* that did so before us, since when we do, and all that we wait for.
local function in_front()
  local since, ahead = now, 0
  local waits = redis.call('HGETALL', KEYS[3])
  local earlier, ours = {}, {}
  for index = 1, #waits, 2 do
    local began, seen = string.match(waits[index + 1], '^(%d+) (%d+)$')
    if not began or math.abs(now - tonumber(seen)) > STILL_WAITS then
      redis.call('HDEL', KEYS[3], waits[index])
    elseif string.sub(waits[index], -#name - 1) == ' ' .. name then
      table.insert(ours, waits[index])
      if waits[index] == wanted .. ' ' .. name then since = tonumber(began) end
    elseif string.sub(waits[index], 1, #wanted + 1) == wanted .. ' ' then
      table.insert(earlier, tonumber(began))
    end
  end
  for _, began in ipairs(earlier) do
    if began < since then ahead = ahead + 1 end
  end
  return ahead, since, ours
end

local calls, is_late = elsewhere()
local own = {}
for index = 8, first_rest - 1, 2 do
  own[ARGV[index]] = tonumber(ARGV[index + 1])
end
local granted = false
if wanted ~= '' and not is_late and not resting[wanted] then
  local ahead, since, ours = in_front()
  granted = calls + (own[wanted] or 0) + ahead < most
  if granted then -- who asked for any key, and has one, keeps no place in the line for another
    own[wanted] = (own[wanted] or 0) + 1
    for _, wait in ipairs(ours) do redis.call('HDEL', KEYS[3], wait) end
  else
    redis.call('HSET', KEYS[3], wanted .. ' ' .. name, digits(since) .. ' ' .. digits(now))
    redis.call('PEXPIRE', KEYS[3], STILL_WAITS / 1000)
  end
end
if not is_late then
  local uses = { digits(number) .. ' ' .. digits(now) }
  for fingerprint, count in pairs(own) do
    if count > 0 then table.insert(uses, fingerprint .. ':' .. digits(count)) end
  end
  if #uses > 1 then
    redis.call('HSET', KEYS[2], name, table.concat(uses, ' '))
    redis.call('PEXPIRE', KEYS[2], math.ceil(silent / 1000))
  else
    redis.call('HDEL', KEYS[2], name)
  end
end

local answer = { granted and 1 or 0 }
for fingerprint, rest in pairs(resting) do
  latest = math.max(latest, rest[1])
  table.insert(answer, fingerprint)
  table.insert(answer, string.format('%.0f', rest[1] - now))
  table.insert(answer, rest[2])
end
if latest > 0 then redis.call('PEXPIRE', KEYS[1], math.ceil((latest - now) / 1000)) end
return answer
