local function err(...)
    local ok, e = ...
    return tostring(ok), e and e:kind() .. ": " .. e:message()
end
local host = "app:processes"
for _, f in { "spawn", "spawn_monitored", "spawn_linked", "spawn_linked_monitored" } do
    local spawn = process[f]
    print(f)
    print(err(spawn()))
    print(err(spawn("app:child_acts")))
    print(err(spawn(nil, host)))
    print((pcall(spawn, {}, host)), (pcall(spawn, "app:child_acts", {})))
    print(err(spawn("app:none", host)))
    print(err(spawn("app:child_acts", "app:none")))
    print(err(spawn("app:none", "app:none")))
    print(err(spawn("app:child_acts", host, print)))
    for _, child in { "raises", "raises_object", "blocks", "no_main", "nothing", "spins_at_load" } do
        print(child, err(spawn("app:child_" .. child, host)))
    end
    local pid, e = spawn("app:child_syntax", host)
    print(pid, e:kind(), string.find(e:message(), "child_syntax.lua:1:", 1, true))
end
local function result(id, ...)
    process.spawn_monitored(id, host, ...)
    return process.events():receive().result
end
print(result("app:child_function", 1, nil, 3), result("app:child_function"))
local v = result("app:child_blocks_caught").value
print(v[1], v[2])
print(v[3], v[4])
print(result("app:child_spawns_itself"), result("app:child_spawns_deeply"))
-- where the caller cannot wait
local made
local t = setmetatable({}, { __index = function(_, k) made = process.spawn("app:child_acts", host, "nothing") return k end })
print(t.x, string.find(made, "app:processes", 1, true))
print(channel.select({ process.events():case_receive() }, true).default)
