local registry = require("registry")
local runner = require("runner")
local run, told = runner.run, runner.told

local function worker(source)
    return { id = "app:worker", kind = "process.lua", data = { source = source } }
end

local function apply(fill)
    local changes = registry.snapshot():changes()
    fill(changes)
    return changes:apply()
end

local function main()
    local ready = process.listen("ready")

    print("-- create, update, delete, create again")
    print(told(run("app:worker")))
    local changes = registry.snapshot():changes()
    print(changes:create(worker("return function(n) return n + 1 end")) == changes, changes)
    print(told(registry.get("app:worker")))
    local version, err = changes:apply()
    print(version, err, version:id(), registry.current_version() == version)
    print(told(run("app:worker", 1)), registry.get("app:worker").data.source)
    print(told(changes:apply()))
    print(apply(function(c) c:update(worker("return function(n) return n + 2 end")) end), told(run("app:worker", 1)))
    print(apply(function(c) c:delete("app:worker") end), told(run("app:worker", 1)), told(registry.get("app:worker")))
    print(apply(function(c) c:create(worker("return function(n) return n + 3 end")) end), told(run("app:worker", 1)))
    print(apply(function(c)
        c:delete({ ns = "app", name = "worker" })
        c:create(worker("return { run = function(n) return n + 4 end }"))
    end), told(run("app:worker", 1)))
    print(apply(function(c)
        c:update({ id = "app:worker", kind = "process.lua", meta = { deep = { list = { 1, 2 } } },
            data = { source = "return { run = function(n) return n + 4 end }", method = "run", modules = {}, imports = {} } })
    end), told(run("app:worker", 1)), registry.find({ ["meta.deep.list"] = 2 })[1].id)

    print("-- what runs goes on as it is")
    local pid = process.spawn_monitored("app:waiter", "app:processes", process.pid())
    print(ready:receive())
    local entry = registry.get("app:waiter")
    entry.data.source = entry.data.source:gsub('"old"', '"new"')
    print(apply(function(c) c:update(entry) end))
    local newer = process.spawn_monitored("app:waiter", "app:processes", process.pid())
    print(ready:receive())
    process.send(pid, "go", "I")
    process.send(newer, "go", "II")
    print(runner.wait(pid))
    print(runner.wait(newer))
    process.spawn_monitored("app:waiter", "app:processes", process.pid())
    ready:receive()
    print(apply(function(c) c:delete("app:waiter") end), told(run("app:waiter")))

    print("-- back and forth")
    print(registry.apply_version(1), told(run("app:worker", 1)), registry.current_version())
    print(registry.apply_version(registry.history():get_version(2)), told(run("app:worker", 1)))
    print(registry.apply_version(3), told(run("app:worker", 1)))
    print(registry.apply_version(0), told(run("app:worker", 1)), #registry.versions())
    print(told(registry.apply_version(99)))
    print(apply(function(c) c:create(worker("return function() return 'last' end")) end), told(run("app:worker")))
    local last = registry.current_version()
    print(last:previous(), last:previous():next() == last, last:next(), registry.versions()[1])
    print(registry.snapshot_at(2):get("app:worker").data.source, registry.history():snapshot_at(last))

    print("-- change sets")
    local set = registry.snapshot():changes()
    print(told(set:apply()))
    set:create({ id = "app:b", kind = "library.lua", data = { source = "return 1" } })
    set:create({ id = { ns = "app", name = "a" }, kind = "process.lua", data = { source = "", imports = { b = "b" } } })
    set:delete("app:worker"):update({ id = "app:waiter", kind = "app.data" })
    print(set)
    for _, operation in ipairs(set:ops()) do
        print(operation.kind, operation.id, operation.entry.id, operation.entry.kind)
    end
    print(apply(function(c) c:create({ id = "app:b", kind = "app.data" }) end), told(set:apply()))
    set:delete("app:b"):delete("app:a")
    print(set, set:apply())
    print("from a snapshot that is old by now", told(registry.snapshot_at(1):changes():delete("app:b"):apply()))
    local delta = registry.build_delta(registry.snapshot_at(1):entries(), registry.snapshot():entries())
    for _, operation in ipairs(delta) do
        print(operation.kind, operation.id)
    end
    print(#registry.build_delta(registry.snapshot():entries(), registry.snapshot():entries()))
    for _, operation in ipairs(registry.build_delta({
        { id = "app:old", kind = "library.lua", data = { source = "" } },
        { id = "app:older", kind = "process.lua", data = { source = "", imports = { old = "old" } } },
    }, {
        { id = "app:a", kind = "process.lua", data = { source = "", imports = { b = "b" } } },
        { id = "app:b", kind = "app.data", meta = { depends_on = "c" } },
        { id = "app:c", kind = "app.data" },
    })) do
        print(operation.kind, operation.id)
    end
end

return { main = main }
