--!native
-- Endless in various ways, and unwilling to end.
local ways = {}
function ways.loop()
    while true do end
end
function ways.caught()
    while true do pcall(ways.loop) end
end
function ways.coroutine()
    for _ in coroutine.wrap(function() while true do coroutine.yield(pcall(ways.caught)) end end) do end
end
function ways.index()
    local t = setmetatable({}, { __index = function() while true do end end })
    while true do pcall(function() return t.x end) end
end
function ways.comparator()
    while true do pcall(table.sort, { 3, 2, 1 }, function() while true do end end) end
end
return { main = function(way, parent)
    process.send(parent, "began", way)
    ways[way]()
end }
