-- What a breaker's key holds, and changing it only if nobody else has.
--
-- KEYS  1 the state, a string
-- ARGV  1 now in microseconds, "" for the server's time
--       and to change it: 2 the text it must still hold, "" for none   3 the new text   4 milliseconds to keep it
-- Answers the time, what the key held before, and whether it was changed.

local now = ARGV[1]
if now == '' then
  local time = redis.call('TIME')
  now = string.format('%.0f', time[1] * 1000000 + time[2])
end

local found = redis.call('TYPE', KEYS[1]).ok
local foreign = found ~= 'string' and found ~= 'none'
if foreign or (found == 'string' and redis.call('STRLEN', KEYS[1]) > 65536) then redis.call('DEL', KEYS[1]) end

local held = redis.call('GET', KEYS[1]) or ''
local changes = #ARGV == 4 and held == ARGV[2]
if changes then redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4]) end
return { now, held, changes and 1 or 0 }
