-- The summaries of a page. KEYS: the list of all. ARGV: the bound above it, how many, and how names of what is known of
-- a conversation begin and end around what it is filed under: the last 64 characters of its place.
local found = {}
for _, place in ipairs(redis.call("ZREVRANGEBYLEX", KEYS[1], ARGV[1], "-", "LIMIT", 0, ARGV[2])) do
  local summary = redis.call("HGET", ARGV[3] .. string.sub(place, -64) .. ARGV[4], "summary")
  if summary then
    found[#found + 1] = summary
  end
end
return found
