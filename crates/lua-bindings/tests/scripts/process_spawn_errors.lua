--= spawn
--= nil	Invalid: spawn requires at least id and host arguments
--= nil	Invalid: spawn requires at least id and host arguments
--= nil	Invalid: spawn requires at least id and host arguments
--= false	false
--= nil	NotFound: entry not found: app:none
--= nil	NotFound: host not found: app:none
--= nil	NotFound: entry not found: app:none
--= nil	Invalid: cannot send a function
--= raises	nil	Internal: child_raises.lua:1: at load
--= raises_object	nil	Conflict: structured
--= blocks	nil	Internal: child_blocks.lua:1: attempt to yield outside of a running process
--= no_main	nil	NotFound: method "main" not found in module
--= nothing	nil	NotFound: method "main" not found in module
--= spins_at_load	nil	Internal: callback ran longer than lua.limits.callback_budget allows (100ms)
--= nil	Invalid	1	19
--= spawn_monitored
--= nil	Invalid: spawn_monitored requires at least id and host arguments
--= nil	Invalid: spawn_monitored requires at least id and host arguments
--= nil	Invalid: spawn_monitored requires at least id and host arguments
--= false	false
--= nil	NotFound: entry not found: app:none
--= nil	NotFound: host not found: app:none
--= nil	NotFound: entry not found: app:none
--= nil	Invalid: cannot send a function
--= raises	nil	Internal: child_raises.lua:1: at load
--= raises_object	nil	Conflict: structured
--= blocks	nil	Internal: child_blocks.lua:1: attempt to yield outside of a running process
--= no_main	nil	NotFound: method "main" not found in module
--= nothing	nil	NotFound: method "main" not found in module
--= spins_at_load	nil	Internal: callback ran longer than lua.limits.callback_budget allows (100ms)
--= nil	Invalid	1	19
--= spawn_linked
--= nil	Invalid: spawn_linked requires at least id and host arguments
--= nil	Invalid: spawn_linked requires at least id and host arguments
--= nil	Invalid: spawn_linked requires at least id and host arguments
--= false	false
--= nil	NotFound: entry not found: app:none
--= nil	NotFound: host not found: app:none
--= nil	NotFound: entry not found: app:none
--= nil	Invalid: cannot send a function
--= raises	nil	Internal: child_raises.lua:1: at load
--= raises_object	nil	Conflict: structured
--= blocks	nil	Internal: child_blocks.lua:1: attempt to yield outside of a running process
--= no_main	nil	NotFound: method "main" not found in module
--= nothing	nil	NotFound: method "main" not found in module
--= spins_at_load	nil	Internal: callback ran longer than lua.limits.callback_budget allows (100ms)
--= nil	Invalid	1	19
--= spawn_linked_monitored
--= nil	Invalid: spawn_linked_monitored requires at least id and host arguments
--= nil	Invalid: spawn_linked_monitored requires at least id and host arguments
--= nil	Invalid: spawn_linked_monitored requires at least id and host arguments
--= false	false
--= nil	NotFound: entry not found: app:none
--= nil	NotFound: host not found: app:none
--= nil	NotFound: entry not found: app:none
--= nil	Invalid: cannot send a function
--= raises	nil	Internal: child_raises.lua:1: at load
--= raises_object	nil	Conflict: structured
--= blocks	nil	Internal: child_blocks.lua:1: attempt to yield outside of a running process
--= no_main	nil	NotFound: method "main" not found in module
--= nothing	nil	NotFound: method "main" not found in module
--= spins_at_load	nil	Internal: callback ran longer than lua.limits.callback_budget allows (100ms)
--= nil	Invalid	1	19
--= 3	0
--= false	child_blocks_caught.lua:1: attempt to yield outside of a running process
--= false	child_blocks_caught.lua:2: child_blocks_caught.lua:2: attempt to yield outside of a running process
--= true	nil
--= true
--= x	2	14
--= true
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
v = result("app:child_spawns_itself").value
print(v[1], v[2])
print(result("app:child_spawns_deeply"))
-- where the caller cannot wait
local made
local t = setmetatable({}, { __index = function(_, k) made = process.spawn("app:child_acts", host, "nothing") return k end })
print(t.x, string.find(made, "app:processes", 1, true))
print(channel.select({ process.events():case_receive() }, true).default)
