-- Like child_spawns_itself, each time from as deep a stack as there is.
local depth, pid, err = 0, nil, nil
local t
t = setmetatable({}, {
    __index = function(_, key)
        depth += 1
        if depth < 190 then return t[key] end
        pid, err = process.spawn("app:child_spawns_deeply", "app:processes")
        return true
    end,
})
pcall(function() return t.x end)
return function() return depth == 190 and (pid ~= nil or tostring(err)) end
