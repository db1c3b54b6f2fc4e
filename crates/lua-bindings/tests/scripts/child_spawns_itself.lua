-- Each level is made inside the one before.
local pid, err = process.spawn("app:child_spawns_itself", "app:processes")
return function() return { pid ~= nil, tostring(err) } end
