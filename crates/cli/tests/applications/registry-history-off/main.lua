local registry = require("registry")
local runner = require("runner")
local run, told = runner.run, runner.told

local function main()
    local kept = registry.snapshot()
    for n = 1, 3 do
        local set = registry.snapshot():changes()
        local entry = { id = "app:worker", kind = "process.lua", data = { source = ("return function() return %d end"):format(n) } }
        if n == 1 then set:create(entry) else set:update(entry) end
        print(told(set:apply()), told(run("app:worker")), #registry.versions(), registry.versions()[1])
    end
    print(told(registry.snapshot_at(1)))
    print(told(registry.snapshot_at(4)))
    print(told(registry.snapshot_at(3)))
    print(told(registry.apply_version(2)))
    print(told(registry.apply_version(3)))
    print(told(registry.history():get_version(0)))
    local version = registry.current_version()
    print(version, version:previous(), version:next(), kept:version(), #kept:entries())
    print(told(registry.history():snapshot_at(kept:version())))
end

return { main = main }
