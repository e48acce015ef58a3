-- Two token buckets and the queue in front of them.
--
-- KEYS  1 buckets, a hash   2 queue, a sorted set by arrival   3 leases, the same members by when they end
-- ARGV  1 what to do   2 now in microseconds, "" for the server's time   3 requests and 4 tokens a minute, "" for no limit
--       take: 5 name of the waiter   6 tokens   7 longest wait   8 how often the head looks again   9 grace (microseconds)
--       put:  5 requests   6 tokens (either may be negative)   7 the era of the buckets they were taken from
--       leave: 5 name of the waiter   6 tokens
--
-- Everything is counted in whole units, a sixty-millionth of a request or a token: a bucket gains its limit a minute in
-- units every microsecond, so that nothing is ever rounded in anybody's favour.

local UNIT = 60000000
local DAY_MS = 86400000
local LONGEST_DEBT = 1440 -- full buckets, a day to pay it: more is garbage, not usage

local function digits(number) return string.format('%.0f', number) end
local function whole(text) return math.floor(tonumber(text) * UNIT + 0.5) end

local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local rates = { tonumber(ARGV[3]) or false, tonumber(ARGV[4]) or false }
local names = { 'requests', 'tokens' }

for index, kind in ipairs({ 'hash', 'zset', 'zset' }) do
  local found = redis.call('TYPE', KEYS[index]).ok
  if found ~= kind and found ~= 'none' then redis.call('DEL', KEYS[index]) end
end

local function copied(levels) return { levels[1], levels[2], at = levels.at } end

local function refill(levels, at)
  local passed = at - levels.at
  if passed > 0 then
    for i, rate in ipairs(rates) do
      if rate then levels[i] = math.min(levels[i] + passed * rate, rate * UNIT) end
    end
    levels.at = at
  end
end

local function wait_for(levels, need)
  local wait = 0
  for i, rate in ipairs(rates) do
    if rate and need[i] > levels[i] then wait = math.max(wait, math.ceil((need[i] - levels[i]) / rate)) end
  end
  return wait
end

local function add(levels, need, sign)
  for i, rate in ipairs(rates) do
    if rate then levels[i] = math.min(levels[i] + sign * need[i], rate * UNIT) end
  end
end

-- The buckets as they are now. A clock that was set back stops nothing: what was in them stays, time goes on from here.
local function read()
  local held = redis.call('HMGET', KEYS[1], 'requests', 'tokens', 'at', 'era')
  local at = tonumber(held[3])
  local levels = { at = math.min(at or now, now) }
  local fresh = not at or at ~= at or not held[4]
  for i, rate in ipairs(rates) do
    local level = tonumber(held[i])
    if not rate then
      level = 0
    elseif not level or level ~= level then
      fresh, level = true, 0
    end
    levels[i] = math.max(level, -LONGEST_DEBT * (rate or 0) * UNIT)
  end
  if fresh then return { rates[1] and rates[1] * UNIT or 0, rates[2] and rates[2] * UNIT or 0, at = now }, digits(now) end
  refill(levels, now)
  return levels, held[4]
end

local function keep(key, milliseconds)
  local most = math.min(math.ceil(milliseconds), DAY_MS)
  if redis.call('PTTL', key) < most then redis.call('PEXPIRE', key, most) end
end

-- Everything goes when the buckets would be full again and nobody waits: then it is as if nothing had been.
local function write(levels, era, waits)
  redis.call('HSET', KEYS[1], 'requests', digits(levels[1]), 'tokens', digits(levels[2]), 'at', digits(now), 'era', era)
  local full = wait_for(levels, { (rates[1] or 0) * UNIT, (rates[2] or 0) * UNIT })
  for _, key in ipairs(KEYS) do keep(key, (full + waits) / 1000 + 60000) end
end

-- The buckets as soon as the last in the queue is served are kept beside them, so that who comes need not walk past
-- everybody; only while the queue does nothing but grow at its end and shrink at its head.
local function forget_end() redis.call('HDEL', KEYS[1], 'tail') end

local function forget(member)
  redis.call('ZREM', KEYS[3], member)
  return redis.call('ZREM', KEYS[2], member)
end

local function forget_out_of_turn(member)
  if forget(member) == 1 then forget_end() end
end

local function member_of(name, need) return name .. ' ' .. digits(need[1]) .. ' ' .. digits(need[2]) end

-- Whoever has not looked again by the end of its lease has died; a lease longer than any we give is not ours.
local function bury()
  local longest = now + 2 * (tonumber(ARGV[7]) + tonumber(ARGV[8]) + tonumber(ARGV[9])) + 600000000
  for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', digits(now))) do forget_out_of_turn(dead) end
  for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], digits(longest), '+inf')) do forget_out_of_turn(dead) end
end

local function at_the_end()
  local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2]
  return digits(last and tonumber(last) + 1 or 0)
end

-- The buckets as soon as everybody in *front* has been served, and how many they are.
local function after(front, levels)
  local last, count = copied(levels), 0
  for _, member in ipairs(front) do
    local requests, tokens = string.match(member, '^%S+ (%d+) (%d+)$')
    if requests and redis.call('ZSCORE', KEYS[3], member) then
      local need = { tonumber(requests), tonumber(tokens) }
      refill(last, last.at + wait_for(last, need))
      add(last, need, -1)
      count = count + 1
    else
      forget_out_of_turn(member)
    end
  end
  return last, count
end

-- The same for the whole queue: as it was kept, or walked again. What was kept is no more than a forecast, and may only
-- let somebody wait: once its time has come, who takes room must know what those in front have really left.
local function after_all(levels)
  local tail = redis.call('ZRANGE', KEYS[2], -1, -1)[1]
  if not tail then return copied(levels), 0 end
  local held = redis.call('HMGET', KEYS[1], 'tail', 'tail_requests', 'tail_tokens', 'tail_at')
  local last = { tonumber(held[2]), tonumber(held[3]), at = tonumber(held[4]) }
  if held[1] == tail and last[1] and last[2] and last.at and last.at > now then
    return last, redis.call('ZCARD', KEYS[2])
  end
  return after(redis.call('ZRANGE', KEYS[2], 0, -1), levels)
end

-- Behind *last* somebody takes their place at the end.
local function enqueue(member, need, last)
  redis.call('ZADD', KEYS[2], at_the_end(), member)
  refill(last, last.at + wait_for(last, need))
  add(last, need, -1)
  redis.call('HSET', KEYS[1], 'tail', member, 'tail_requests', digits(last[1]), 'tail_tokens', digits(last[2]))
  redis.call('HSET', KEYS[1], 'tail_at', digits(last.at))
end

local function take()
  local need = { UNIT, whole(ARGV[6]) }
  local member = member_of(ARGV[5], need)
  bury()
  local levels, era = read()
  local rank = redis.call('ZRANK', KEYS[2], member)
  local last, count
  if rank then
    last, count = after(rank > 0 and redis.call('ZRANGE', KEYS[2], 0, rank - 1) or {}, levels)
  else
    last, count = after_all(levels)
  end
  local wait = last.at - now + wait_for(last, need)
  if wait <= 0 then
    add(levels, need, -1)
    forget(member)
    if count > 0 then forget_end() end
    write(levels, era, 0)
    return { 'taken', era }
  end
  if wait > tonumber(ARGV[7]) then
    forget_out_of_turn(member)
    return { 'refused', digits(wait) }
  end
  local look = math.min(wait, tonumber(ARGV[8]) * (count + 1))
  if not rank then enqueue(member, need, last) end
  redis.call('ZADD', KEYS[3], digits(now + look + tonumber(ARGV[9])), member)
  write(levels, era, wait)
  return { 'wait', digits(wait), digits(look) }
end

-- What is put back must have come out of these buckets: others, begun since, never gave it. A debt always counts.
local function put()
  local levels, era = read()
  local back = { whole(ARGV[5]), whole(ARGV[6]) }
  if era ~= ARGV[7] then back = { math.min(back[1], 0), math.min(back[2], 0) } end
  add(levels, back, 1)
  forget_end()
  write(levels, era, 0)
  return { 'put' }
end

local function leave()
  forget_out_of_turn(member_of(ARGV[5], { UNIT, whole(ARGV[6]) }))
  return { 'left' }
end

return ({ take = take, put = put, leave = leave })[ARGV[1]]()
