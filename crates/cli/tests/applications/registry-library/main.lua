local registry = require("registry")
local runner = require("runner")
local run, told = runner.run, runner.told

local function update(name, source, imports)
    local changes = registry.snapshot():changes()
    return changes:update({ id = "app:" .. name, kind = "library.lua", data = { source = source, imports = imports } }):apply()
end

local function main()
    print(told(run("app:top")))
    local running = process.spawn_monitored("app:top", "app:processes", true)
    print(update("bottom", 'return { text = "bottom 2" }'), told(run("app:top")))
    process.send(running, "go")
    print("began before", told(runner.wait(running)))

    -- What it imports may change with it.
    local changes = registry.snapshot():changes()
    changes:create({ id = "app:other", kind = "library.lua", data = { source = 'return { text = "other" }' } })
    changes:update({ id = "app:middle", kind = "library.lua",
        data = { source = 'return { text = function() return "middle of " .. bottom.text end }', imports = { bottom = "app:other" } } })
    print(changes:apply(), told(run("app:top")))
    print(registry.apply_version(1), told(run("app:top")))
    print(registry.apply_version(2), told(run("app:top")))

    -- A library that fails keeps its importers from starting, and nobody else.
    print(update("other", 'error("no luck")'), told(run("app:top")))
    print(update("other", 'return { text = "luck" }'), told(run("app:top")))
    print(told(update("other", "return {", nil)), told(run("app:top")))
    print(told(registry.snapshot():changes():delete("app:middle"):apply()), told(run("app:top")))
    print(told(registry.snapshot():changes():delete("app:middle"):delete("app:top"):apply()), told(run("app:top")))

    -- Many versions, each seen by the next who starts.
    local wrong = 0
    for n = 1, 300 do
        update("bottom", ("return %d"):format(n))
        local set = registry.snapshot():changes()
        set[n == 1 and "create" or "update"](set, { id = "app:user", kind = "process.lua",
            data = { source = "return function() return lib end", imports = { lib = "bottom" } } })
        set:apply()
        if run("app:user") ~= n then
            wrong = wrong + 1
        end
    end
    print("wrong", wrong, registry.current_version())
end

return { main = main }
