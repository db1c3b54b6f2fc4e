local events = require("events")
local time = require("time")

local function show(value, err) print(value, err and err:kind() .. ": " .. err:message()) end
local function drain(channel_of)
    local count = 0
    while not channel.select({ channel_of:case_receive(), default = true }).default do count = count + 1 end
    return count
end

local function main()
    local all = assert(events.subscribe("**"))
    local created = assert(events.subscribe("orders.*", "(created|changed)"))
    print(tostring(all), all:channel() == all:channel())
    events.send("orders.eu", "created", "order/1", { price = 10 })
    events.send("orders.eu", "deleted", "order/1")
    events.send("customers", "created", "customer/1", nil)
    for _ = 1, 3 do
        local event = all:channel():receive()
        print(event.system, event.kind, event.path, event.data and event.data.price)
    end
    print(created:channel():receive().path, drain(created:channel()))

    -- whoever waits is woken, in a select too
    process.spawn("app:publisher", "app:processes", 2, 2)
    local timeout = time.after("1h")
    local result = channel.select({ timeout:case_receive(), created:channel():case_receive() })
    print(result.channel == created:channel(), result.value.data.number, result.ok)
    print(all:channel():receive().path)

    -- of one publisher in order, and no more than 64 wait
    process.call("app:publisher", "app:processes", 1, 100)
    for number = 1, 64 do assert(created:channel():receive().data.number == number) end
    print("64 in order, then", drain(created:channel()))

    print(all:close(), all:close())
    print(all:channel():receive())
    events.send("orders.eu", "created", "order/last")
    print(created:channel():receive().path)

    -- a coroutine that waits when the subscription is closed
    local done = channel.new(1)
    coroutine.spawn(function() done:send({ created:channel():receive() }) end)
    created:close()
    local got = done:receive()
    print(got[1], got[2])

    show(events.subscribe(""))
    show(events.subscribe("a", ""))
    show(events.subscribe("a*"))
    show(events.send("", "kind", "path"))
    show(events.send("system", "", "path"))
    show(events.send("system", "kind", ""))
    show(events.send("system", "kind", "path", print))
    print(pcall(events.send, "system", "kind"))
    print(pcall(events.subscribe))
    print(pcall(created.close, {}))
    return true
end

return { main = main }
