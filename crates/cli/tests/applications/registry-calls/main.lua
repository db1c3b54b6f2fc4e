local funcs = require("funcs")
local registry = require("registry")

local function told(value, err)
    if err then
        return tostring(value) .. ", " .. err:kind() .. ": " .. err
    end
    return tostring(value)
end

local function change(method, entry)
    local set = registry.snapshot():changes()
    set[method](set, entry)
    return told(set:apply())
end

local function code(kind, name, source, extra)
    local entry = { id = "app:" .. name, kind = kind, data = { source = source } }
    for key, value in pairs(extra or {}) do
        entry.data[key] = value
    end
    return entry
end

local function main()
    print("-- functions")
    print(told(funcs.call("app:f", 1)))
    print(change("create", code("function.lua", "f", "return function(n) return n + 1 end")), told(funcs.call("app:f", 1)))
    print(change("update", code("function.lua", "f", "return function(n) return n + 2 end")), told(funcs.call("app:f", 1)))
    print(change("delete", "app:f"), told(funcs.call("app:f", 1)))
    print(change("create", code("function.lua", "f", "return function(n) return n + 3 end")), told(funcs.call("app:f", 1)))
    print(registry.apply_version(1), told(funcs.call("app:f", 1)))
    print(registry.apply_version(3), told(funcs.call("app:f", 1)))
    print(registry.apply_version(4), told(funcs.call("app:f", 1)))
    print(change("update", { id = "app:f", kind = "app.data" }), told(funcs.call("app:f", 1)))
    local process_entry = code("process.lua", "f", "return function(n) return n + 4 end")
    print(change("update", process_entry), told(funcs.call("app:f", 1)), told(process.call("app:f", "app:processes", 1)))
    process_entry.meta = { default_host = "processes" }
    print(change("update", process_entry), told(funcs.call("app:f", 1)))

    print("-- a call that runs while its code changes")
    local ready = process.listen("ready")
    local running = funcs.async("app:slow", process.pid())
    local pid = ready:receive()
    print(change("update", code("library.lua", "bottom", "return { version = 2 }")))
    print(change("update", code("function.lua", "slow", "return function() return 'second' end")), told(funcs.call("app:slow")))
    print(change("delete", "app:slow"), told(funcs.call("app:slow")))
    process.send(pid, "go", "an answer")
    local result = running:response():receive():data()
    print(result.before, result.after, result.reply, result.code)

    print("-- what imports a library that has changed")
    print(registry.apply_version(0))
    print(change("update", code("library.lua", "bottom", "return { version = 3 }")))
    local newer = funcs.async("app:slow", process.pid())
    process.send(ready:receive(), "go", "another")
    print(newer:response():receive():data().before)

    print("-- a change while calls wait for their turn")
    local futures = {}
    for n = 1, 6 do
        futures[n] = funcs.async("app:slow", process.pid())
    end
    local first, second = ready:receive(), ready:receive()
    print(change("update", code("function.lua", "slow", "return function() return 'changed' end")), told(funcs.call("app:slow")))
    process.send(first, "go", 1)
    process.send(second, "go", 2)
    for _ = 3, 6 do
        process.send(ready:receive(), "go", "in turn")
    end
    local codes = {}
    for n = 1, 6 do
        codes[n] = futures[n]:response():receive():data().code
    end
    print(table.concat(codes, " "))

    print("-- upgrades")
    local state = process.listen("state")
    local upgraded = process.spawn_monitored("app:upgrades", "app:processes", process.pid())
    print((state:receive()))
    print(change("update", code("process.lua", "upgrades", [[
        return function(parent)
            process.send(parent, "state", "second")
            process.listen("go"):receive()
            process.upgrade(nil, parent)
        end
    ]])))
    process.send(upgraded, "go")
    print((state:receive()))
    print(change("delete", "app:upgrades"))
    process.send(upgraded, "go")
    local event = process.events():receive()
    print(event.from == upgraded, told(event.result.value, event.error))
end

return { main = main }
