local events = require("events")
local time = require("time")

local answers = process.listen("answer")

local function main()
    local service = assert(events.subscribe("service")):channel()
    local function receive(path)
        while true do
            local event = service:receive()
            if event.path == path then return event end
        end
    end
    local function told(event)
        local data = event.data or {}
        local err = data.error and data.error:gsub("^[^ ]*: ", "")
        print(event.path, event.kind, data.attempt, err, data.reason)
        return event.kind
    end
    -- A name is there a moment after its service runs.
    local function send(name, topic, value)
        while not process.registry.lookup(name) do time.sleep("1ms") end
        process.send(name, topic, value)
    end
    local function fail(name, way)
        send(name, "fail", way)
        local path = "app:" .. name
        repeat local kind = told(receive(path)) until kind ~= "restarting"
    end

    send("fragile", "question", process.pid())
    local answer = answers:receive()
    print(answer[1], answer[2], answer[3], answer[4], answer[5])
    print(answer[6])

    fail("fragile", "text")
    fail("fragile", "result")
    fail("fragile", "again")
    -- The fourth in a row, with four allowed.
    fail("fragile", "runtime")

    fail("final", "runtime")
    -- Ended by somebody else is a failure as well.
    send("final", "other", 1)
    assert(process.terminate("final"))
    repeat local kind = told(receive("app:final")) until kind ~= "restarting"
    fail("final", "final")

    fail("ending", "end")

    assert(process.registry.register("somebody"))
    repeat local kind = receive("app:shy").kind until kind == "running"
    print("app:shy", "running")
end

return { main = main }
