--= note	hello	true
--= pid.exit	table	nil
--= pid.link.down	true
--= pid.cancel	true
local inbox = process.inbox()    -- Message objects from @inbox topic
local events = process.events()  -- Lifecycle events from @events topic

process.send(process.pid(), "note", "hello")
local msg = inbox:receive()
print(msg:topic(), msg:payload(), msg:from() == process.pid())

process.set_options({ trap_links = true })
process.spawn_linked_monitored("app:events_exit_worker", "app:processes")
local event = events:receive()
if event.kind == process.event.EXIT then
    print(event.kind, type(event.result), event.result.value)
end
event = events:receive()
print(event.kind, event.kind == process.event.LINK_DOWN)
process.cancel(process.pid(), "1h")
event = events:receive()
print(event.kind, event.kind == process.event.CANCEL and event.deadline ~= nil)
