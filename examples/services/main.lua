-- Services are kept running, and end in order: perilune run examples/services

local events = require("events")
local registry = require("registry")

local visited = process.listen("visited")

local function visit()
    process.send("desk", "visit", process.pid())
    print((visited:receive()))
end

local function main()
    assert(process.registry.register("guest"))
    local goodbye = process.listen("goodbye")
    local service = assert(events.subscribe("service", "(running|restarting|stopped)")):channel()

    visit()
    visit()

    -- The service fails. It is started again after a moment, and the store has forgotten nothing.
    process.send("desk", "crash")
    local event = service:receive()
    print(event.kind, event.path, "attempt " .. event.data.attempt, (event.data.error:gsub("^.*: ", "")))
    event = service:receive()
    print(event.kind, event.path)
    visit()

    -- Without its entry there is no service. It is asked to end and is not started again.
    local changes = registry.snapshot():changes()
    changes:delete("app:desk")
    assert(changes:apply())
    print("goodbye", (goodbye:receive()))
    event = service:receive()
    print(event.kind, event.path)
end

return { main = main }
