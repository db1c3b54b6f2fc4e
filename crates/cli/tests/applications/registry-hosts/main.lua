local registry = require("registry")
local runner = require("runner")
local told = runner.told

local function apply(method, entry)
    local set = registry.snapshot():changes()
    local ok, err = set[method](set, entry)
    if err then
        return told(ok, err)
    end
    return told(set:apply())
end

local function host(limit, kind)
    return { id = "app:more", kind = kind or "process.host", data = kind == nil and { host = { max_processes = limit } } or nil }
end

local function spawn()
    return process.spawn_monitored("app:waits", "app:more", process.pid())
end

local function main()
    print(apply("create", { id = "app:waits", kind = "process.lua", data = { source = [[
        return function(parent)
            local event = process.events():receive()
            process.send(parent, "cancelled", event.kind .. ", " .. event.reason)
            return "left"
        end
    ]] } }))
    print(told(spawn()))
    local nobody = "{app:more|0x00001}"
    print(told(process.send(nobody, "topic")), told(process.send(nobody, "topic")))
    print(apply("create", host(1)))
    print(told(process.send(nobody, "topic")), told(process.send(nobody, "topic")))
    local first = spawn()
    print(first ~= nil, told(spawn()))
    print(apply("update", host(2)))
    local second = spawn()
    print(second ~= nil, told(spawn()))
    print(apply("update", { id = "app:more", kind = "process.host", data = { host = { max_processes = -1 } } }))

    -- A host that goes lets its processes end.
    local cancelled = process.listen("cancelled")
    print(apply("delete", "app:more"))
    print(cancelled:receive())
    print(cancelled:receive())
    print(told(runner.wait(first)))
    print(told(runner.wait(second)))
    print(told(spawn()))
    print(apply("create", host(0)))
    local third = spawn()
    print(third ~= nil)
    print(apply("update", host(0, "app.data")), told(spawn()))
    print(told(runner.wait(third)))
    print(registry.apply_version(2), spawn() ~= nil, told(spawn()))

    -- One that does not listen is ended by force.
    print(apply("update", { id = "app:more", kind = "process.host", data = { lifecycle = { stop_timeout = "20ms" } } }))
    print(apply("create", { id = "app:deaf", kind = "process.lua", data = { source = "return function() while true do end end" } }))
    local deaf = process.spawn_monitored("app:deaf", "app:more")
    print(apply("delete", "app:more"))
    print(told(runner.wait(deaf)))
    print(registry.get("app:more") == nil)

    -- Names of hosts are kept for ever, so there is an end to them.
    local count, refused = 0, nil
    repeat
        local set = registry.snapshot():changes()
        for n = 1, 100 do
            set:create({ id = ("app:many%d"):format(count + n), kind = "process.host" })
        end
        local version, err = set:apply()
        count = count + (version and 100 or 0)
        refused = err
    until err or count > 2000
    print(count, told(nil, refused))
    print(apply("create", { id = "app:one_more", kind = "process.host" }))
end

return { main = main }
