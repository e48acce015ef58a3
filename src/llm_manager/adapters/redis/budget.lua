-- Money that several processes may spend together: an account for each of them, and what the ended ones have left.
--
-- KEYS  1 sums, a hash: era, base, past, presumed, roll, living
--       2 accounts, a hash: name -> "number spent held seen"
--       3 the ended, a hash: name -> "spent held"    4 their order, a sorted set
-- ARGV  1 name of the account   2 number of this word   3 spent and 4 held by it so far   5 the limit
--       6 the era and 7 the roll it knew, and 8 how much ended processes had taken then
--       9 to put back of what is presumed
--       10 "-", or how many accounts of others it has heard of; then the name and the text of each of them
--       then, each by itself: what it wants to hold beside, first come first served
-- Answers the era; the roll; what ended processes have taken; what all others have spent and hold, and what they have
-- spent; what is presumed; for each wish, in one text: 1 if it is granted, 0 if what is spent leaves no room for it, w
-- if what is held may make room, or one in front of it waits for that; and the accounts of all others, names and texts.
-- Or "tell", and nothing is changed: accounts were lost since, and the process is to tell those that it has heard of.
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

local function read(text)
  local told, spent, kept, seen = string.match(text, '^(%d+) (%d+) (%d+) (%d+)$')
  if whole(told) and whole(spent) and whole(kept) and tonumber(seen) then
    return { number = whole(told), spent = whole(spent), held = whole(kept), seen = tonumber(seen) }
  end
end

local function written(account)
  return table.concat({ digits(account.number), digits(account.spent), digits(account.held), digits(account.seen) }, ' ')
end

local accounts, readable = {}, 0
local listed = redis.call('HGETALL', KEYS[2])
for index = 1, #listed, 2 do
  local account = read(listed[index + 1])
  if account then
    accounts[listed[index]], readable = account, readable + 1
  else
    redis.call('HDEL', KEYS[2], listed[index])
  end
end

local held = redis.call('HMGET', KEYS[1], 'era', 'base', 'past', 'presumed', 'roll', 'living')
local era, base, past, presumed, roll = held[1], whole(held[2]), whole(held[3]), whole(held[4]), held[5]
if not (era and base and past and presumed) then
  era, base, past, presumed = name .. ':' .. ARGV[2], 0, 0, 0
  roll = false
end
-- Redis may forget accounts alone, to make room: then a new roll is begun, which each process completes once.
if not roll or whole(held[6]) ~= readable then roll = name .. ':' .. ARGV[2] end
if ARGV[7] ~= '' and ARGV[7] ~= roll and ARGV[10] == '-' then return { 'tell' } end
if era ~= ARGV[6] then base = math.max(base, tonumber(ARGV[8])) end -- emptied since: the ended are remembered by the living

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

-- What another process has heard of an account counts where nothing newer is known. One that was closed for the teller
-- and not for others before all was lost is counted twice, never less than once.
local function recall(other, text)
  local told, known = read(text), accounts[other]
  local ended = redis.call('HGET', KEYS[3], other)
  if not told or other == name or (known and known.number >= told.number) then return end
  if ended then
    local spent, kept = string.match(ended, '^(%d+) (%d+)$')
    local missing = told.spent - (whole(spent) or 0)
    if missing > 0 then
      past = past + missing
      redis.call('HSET', KEYS[3], other, digits(told.spent) .. ' ' .. (kept or '0'))
    end
  else
    told.seen = now
    accounts[other] = told
    redis.call('HSET', KEYS[2], other, written(told))
  end
end

local first_wish = 11
if ARGV[10] ~= '-' then
  first_wish = 11 + 2 * tonumber(ARGV[10])
  for index = 11, first_wish - 1, 2 do recall(ARGV[index], ARGV[index + 1]) end
end

local own = accounts[name]
local others, told_of = { spent = 0, held = 0 }, {}
for other, account in pairs(accounts) do
  if other ~= name and math.abs(now - account.seen) > SILENT then
    close(other, account)
  elseif other ~= name then
    others = { spent = others.spent + account.spent, held = others.held + account.held }
    table.insert(told_of, other)
    table.insert(told_of, written(account))
  end
end

local known = own
if not known then reopen() end
local is_new = not own or number > own.number
if is_new then own = { number = number, spent = tonumber(ARGV[3]), held = tonumber(ARGV[4]) } end
own.seen = now
presumed = math.max(presumed - tonumber(ARGV[9]), 0)

local granted, waits = {}, false
local ended = base + past + presumed
local theirs = ended + others.spent + others.held
for index = first_wish, #ARGV do
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
  redis.call('HSET', KEYS[2], name, written(own))
end
local sums = { 'era', era, 'base', digits(base), 'past', digits(past), 'presumed', digits(presumed), 'roll', roll }
redis.call('HSET', KEYS[1], 'living', digits(redis.call('HLEN', KEYS[2])), unpack(sums))

local answer = { era, roll, digits(ended), digits(theirs), digits(ended + others.spent), digits(presumed) }
table.insert(answer, table.concat(granted))
table.insert(answer, told_of)
return answer
