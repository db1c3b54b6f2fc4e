-- Finding processes by name: perilune run examples/registry

local function main()
    local test_name = "my_service_" .. tostring(os.time())

    -- Register current process with a name
    local ok, err = process.registry.register(test_name)
    if err then
        return false, "register failed: " .. err
    end

    -- Lookup the registered name
    local pid, lookup_err = process.registry.lookup(test_name)
    if lookup_err then
        return false, "lookup failed: " .. lookup_err
    end

    -- Verify it resolves to our PID
    if pid ~= process.pid() then
        return false, "lookup returned wrong pid"
    end
    print("The name leads to this process")

    -- Whoever takes a PID also takes a name
    process.send(test_name, "greeting", "hello by name")
    print("Received:", (process.listen("greeting"):receive()))

    -- Unregister explicitly
    local unregistered = process.registry.unregister(test_name)
    if not unregistered then
        print("Name was not registered")
    end

    -- Lookup after unregister returns nil + error
    local gone, gone_err = process.registry.lookup(test_name)
    print("After unregister:", gone, gone_err)

    -- Names are released when a process ends, before anybody is told of its end
    local events_ch = process.events()
    local worker, spawn_err = process.spawn_monitored("app.test.process:named_worker", "app:processes", test_name)
    if spawn_err then
        return false, "spawn failed: " .. spawn_err
    end
    local event = events_ch:receive()
    print("The worker found itself:", event.result.value)
    local released, released_err = process.registry.lookup(test_name)
    print("After its end:", released, released_err)

    return true
end

return { main = main }
