--= userdata	process.Message
--= topic	true
--= userdata	true	2	x
--= function	topic	nil
--= false	bad argument #1 to 'message' (process.Message expected, got table)
--= nil
--= raw	true
--= object
--= pid.exit	nil	child_called.lua:7: boom
--= 3	nil
--= false	Invalid	spawn requires at least id and host arguments
--= false	Invalid	spawn_monitored requires at least id and host arguments
--= nil	entry not found: app:none
--= nil	spawn requires at least id and host arguments
--= true	true
--= job	1
--= job	1
--= job	2
--= pid.exit	true
--= true
--@api 2
local host = "app:processes"
local events = process.events()
local inbox = process.inbox()

-- messages have methods only, and give their payload in an object
process.send(process.pid(), "topic", { 1, 2 }, "x")
local message = inbox:receive()
print(type(message), tostring(message):sub(1, 15))
print(message:topic(), message:from() == process.pid())
print(type(message:payload()), message:payload() == message:payload(), message:payload():data()[1][2], message:payload():data()[2])
print(type(message.topic), message.topic(message), message.nothing)
print(pcall(message.topic, {}))
process.send(process.pid(), "topic")
print(inbox:receive():payload():data())
process.send(process.pid(), "listened", "raw")
print(process.listen("listened"):receive())
process.send(process.pid(), "listened", "object")
print(process.listen("listened", { message = true }):receive():payload():data())

-- events have no error
process.spawn_monitored("app:child_called", host, "raises")
local event = events:receive()
print(event.kind, event.error, event.result.error)
process.spawn_monitored("app:child_called", host, "add", 1, 2)
event = events:receive()
print(event.result.value, event.error)

-- a builder raises what is a mistake of the program
local builder = process.with_context({})
local ok, err = pcall(builder.spawn, builder)
print(ok, err:kind(), err)
ok, err = pcall(builder.spawn_monitored, builder, "app:child_called")
print(ok, err:kind(), err)
print(builder:spawn("app:none", host))
print(process.spawn("app:child_called"))

-- spawn or signal: whoever has the name gets the messages
local named = builder:with_name("single"):with_message("job", 1)
local first = named:spawn("app:child_reads_mail", host, process.pid(), 3)
local second = named:with_message("job", 2):spawn_linked_monitored("app:child_reads_mail", host, process.pid(), 3)
print(first == second, process.registry.lookup("single") == first)
local mail = process.listen("mail")
for _ = 1, 3 do
    local got = mail:receive()
    print(got.topic, got.payload)
end
event = events:receive()
print(event.kind, event.from == first)
local third = named:spawn("app:child_reads_mail", host, process.pid(), 1)
print(third ~= first)
