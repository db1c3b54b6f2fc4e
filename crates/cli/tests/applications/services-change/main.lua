local events = require("events")
local registry = require("registry")

local words = process.listen("word")

local function service(name, input, lifecycle)
    local data = { process = "app:worker_process", host = "app:processes", input = { input }, lifecycle = lifecycle }
    return { id = "app:" .. name, kind = "process.service", data = data }
end

local function apply(change)
    local changes = registry.snapshot():changes()
    local _, err = change(changes)
    if not err then _, err = changes:apply() end
    print(err and err:kind() .. ": " .. err:message() or "applied")
end

local function create(...)
    local entry = service(...)
    apply(function(changes) return changes:create(entry) end)
end

local function main()
    assert(process.registry.register("main"))
    local service_events = assert(events.subscribe("service")):channel()
    local function expect(count)
        for _ = 1, count do
            local event = service_events:receive()
            print(event.path, event.kind)
        end
    end

    create("a", "one", { auto_start = true })
    print((words:receive()))
    expect(1)
    -- It is started again with what it says now, but not for what is said about it.
    apply(function(changes)
        local entry = service("a", "two", { auto_start = true })
        changes:update(entry)
    end)
    print((words:receive()))
    print((words:receive()))
    expect(3)
    apply(function(changes)
        local entry = service("a", "two", { auto_start = true })
        entry.meta = { comment = "the same" }
        changes:update(entry)
    end)

    create("idle", "nobody starts it", {})
    create("b", "three", { auto_start = true, depends_on = { "idle" } })
    local both = { words:receive(), (words:receive()) }
    -- One starts after the other, and then their functions run side by side.
    table.sort(both)
    print((both[1]))
    expect(2)

    -- One that goes while it waits for its next attempt is just gone.
    create("broken", nil, { auto_start = true, restart = { initial_delay = "1h" } })
    expect(2)
    apply(function(changes) changes:delete("app:broken") end)

    -- What makes no sense changes nothing.
    create("c", "never", { auto_start = true, depends_on = { "nothing" } })
    create("c", "never", { auto_start = true, depends_on = { "c" } })
    create("c", "never", { restart = { backoff_factor = 0.5 } })
    create("c", "never", { security = { actor = { id = "x" }, groups = { "nowhere" } } })
    apply(function(changes) changes:update(service("idle", "", { depends_on = { "b" } })) end)
    apply(function(changes) changes:delete("app:idle") end)
    apply(function(changes) changes:delete("app:processes") end)

    apply(function(changes)
        changes:delete("app:idle")
        changes:delete("app:a")
        changes:delete("app:b")
        changes:delete("app:processes")
    end)
    for _ = 1, 3 do words:receive() end
    local ended = {}
    for _ = 1, 6 do
        local event = service_events:receive()
        if event.kind == "stopped" then table.insert(ended, event.path) end
    end
    table.sort(ended)
    print(table.concat(ended, " "))
end

return { main = main }
