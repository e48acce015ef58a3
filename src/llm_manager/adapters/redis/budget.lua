-- Money that several processes may spend together: an account for each of them, and what the ended ones have left.
--
-- KEYS  1 sums, a hash: era, base, past, presumed   2 accounts, a hash: name -> "number spent held seen"
--       3 the ended, a hash: name -> "spent held"    4 their order, a sorted set
-- ARGV  1 name of the account   2 number of this word   3 spent and 4 held by it so far   5 the limit
--       6 the era it knew, and 7 how much ended processes had taken then   8 to put back of what is presumed
--       then, each by itself: what it wants to hold beside, first come first served
-- Answers the era; what ended processes have taken; what all others have spent and hold, and what they have spent; what
-- is presumed; and for each wish, in one text: 1 if it is granted, 0 if what is spent leaves no room for it, w if what
-- is held may make room, or one in front of it waits for that.
--
-- Money is in whole nano-dollars, times are the server's, in microseconds. An account tells sums and never differences,
-- and numbers what it says: a word that is lost, comes twice or comes late changes nothing.

local SILENT = 600000000 -- an account that said nothing for ten minutes is closed; what it held is presumed to be spent
local MOST_ENDED = 1000 -- of so many it is known what they left, should one of them have been asleep only
local MOST = 9e15

local function digits(number) return string.format('%.0f', number) end

local function whole(text)
  local number = tonumber(text or nil)
  if number and number >= 0 and number <= MOST then return math.floor(number) end
end

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

for index, kind in ipairs({ 'hash', 'hash', 'hash', 'zset' }) do
  local found = redis.call('TYPE', KEYS[index]).ok
  if found ~= kind and found ~= 'none' then redis.call('DEL', KEYS[index]) end
end

local name, number, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[5])

local held = redis.call('HMGET', KEYS[1], 'era', 'base', 'past', 'presumed')
local era, base, past, presumed = held[1], whole(held[2]), whole(held[3]), whole(held[4])
if not (era and base and past and presumed) then
  era, base, past, presumed = name .. ':' .. ARGV[2], 0, 0, 0
end
if era ~= ARGV[6] then base = math.max(base, tonumber(ARGV[7])) end -- emptied since: the ended are remembered by the living

-- The end of an account changes no total, only what of it counts as spent: so it does not matter whose clock jumped.
local function close(ended, account)
  past, presumed = past + account.spent, presumed + account.held
  redis.call('HDEL', KEYS[2], ended)
  redis.call('HSET', KEYS[3], ended, digits(account.spent) .. ' ' .. digits(account.held))
  redis.call('ZADD', KEYS[4], digits(now), ended)
  if redis.call('ZCARD', KEYS[4]) > MOST_ENDED then redis.call('HDEL', KEYS[3], redis.call('ZPOPMIN', KEYS[4])[1]) end
end

-- It was only asleep. Whoever is not among the ended any more is counted twice, never less than once.
local function reopen()
  local spent, kept = string.match(redis.call('HGET', KEYS[3], name) or '', '^(%d+) (%d+)$')
  past = math.max(past - (whole(spent) or 0), 0)
  presumed = math.max(presumed - (whole(kept) or 0), 0)
  redis.call('HDEL', KEYS[3], name)
  redis.call('ZREM', KEYS[4], name)
end

local function read(text)
  local told, spent, kept, seen = string.match(text, '^(%d+) (%d+) (%d+) (%d+)$')
  if whole(told) and whole(spent) and whole(kept) and tonumber(seen) then
    return { number = whole(told), spent = whole(spent), held = whole(kept), seen = tonumber(seen) }
  end
end

local own
local others = { spent = 0, held = 0 }
local accounts = redis.call('HGETALL', KEYS[2])
for index = 1, #accounts, 2 do
  local account = read(accounts[index + 1])
  if not account then
    redis.call('HDEL', KEYS[2], accounts[index])
  elseif accounts[index] == name then
    own = account
  elseif math.abs(now - account.seen) > SILENT then
    close(accounts[index], account)
  else
    others = { spent = others.spent + account.spent, held = others.held + account.held }
  end
end

local known = own
if not known then reopen() end
local is_new = not own or number > own.number
if is_new then own = { number = number, spent = tonumber(ARGV[3]), held = tonumber(ARGV[4]) } end
presumed = math.max(presumed - tonumber(ARGV[8]), 0)

local granted, waits = {}, false
local ended = base + past + presumed
local theirs = ended + others.spent + others.held
for index = 9, #ARGV do
  local want = tonumber(ARGV[index])
  local fits = theirs + own.spent + own.held + want <= limit
  if not is_new or ended + others.spent + own.spent + want > limit then
    table.insert(granted, '0')
  elseif fits and not waits then
    own.held = own.held + want
    table.insert(granted, '1')
  else
    waits = true
    table.insert(granted, 'w')
  end
end

if known or own.spent + own.held > 0 then
  local text = { digits(own.number), digits(own.spent), digits(own.held), digits(now) }
  redis.call('HSET', KEYS[2], name, table.concat(text, ' '))
end
redis.call('HSET', KEYS[1], 'era', era, 'base', digits(base), 'past', digits(past), 'presumed', digits(presumed))

local answer = { era, digits(ended), digits(theirs), digits(ended + others.spent), digits(presumed) }
table.insert(answer, table.concat(granted))
return answer
