--= false	true	nil
--= false	Invalid: options parameter must be a table
--= false	Invalid: options parameter must be a table
--= false	Invalid: trap_links must be a boolean
--= false	false
--= true	true	nil
--= true
--= monitor	true	nil
--= monitor	nil	AlreadyExists: already monitoring pid
--= link	true	nil
--= link	true	nil
--= unmonitor	true	nil
--= unmonitor	true	nil
--= unlink	true	nil
--= unlink	true	nil
--= monitor	nil	Invalid: monitor requires a destination argument
--= monitor	nil	Invalid: monitor requires a destination argument
--= monitor	nil	Invalid: destination cannot be empty
--= monitor	nil	NotFound: could not resolve 'nobody' as PID or registered name
--= monitor	nil	NotFound: pid not registered
--= monitor	nil	NotFound: pid not registered
--= monitor	true	nil
--= monitor	false
--= link	nil	Invalid: link requires a destination argument
--= link	nil	Invalid: link requires a destination argument
--= link	nil	Invalid: destination cannot be empty
--= link	nil	NotFound: could not resolve 'nobody' as PID or registered name
--= link	nil	NotFound: pid not registered
--= link	nil	NotFound: pid not registered
--= link	true	nil
--= link	false
--= unmonitor	nil	Invalid: unmonitor requires a destination argument
--= unmonitor	nil	Invalid: unmonitor requires a destination argument
--= unmonitor	nil	Invalid: destination cannot be empty
--= unmonitor	nil	NotFound: could not resolve 'nobody' as PID or registered name
--= unmonitor	true	nil
--= unmonitor	true	nil
--= unmonitor	true	nil
--= unmonitor	false
--= unlink	nil	Invalid: unlink requires a destination argument
--= unlink	nil	Invalid: unlink requires a destination argument
--= unlink	nil	Invalid: destination cannot be empty
--= unlink	nil	NotFound: could not resolve 'nobody' as PID or registered name
--= unlink	true	nil
--= unlink	true	nil
--= unlink	true	nil
--= unlink	false
--= ended	true
--= ended	true
--= true
--= pid.exit	true
--= Canceled process terminated
--= true
--= true
--= pid.link.down	true	raised	Internal
local events = process.events()
local me = process.pid()
local function err(...)
    local ok, e = ...
    return tostring(ok), e and e:kind() .. ": " .. e:message()
end
local function start(variant, ...) return process[variant]("app:child_acts", "app:processes", ...) end
-- options
local o = process.get_options()
print(o.trap_links, o ~= process.get_options(), next(o, "trap_links"))
print(err(process.set_options()))
print(err(process.set_options(1)))
print(err(process.set_options({ trap_links = 1 })))
print(err(process.set_options({ trap_links = true, x = 1 })), process.get_options().trap_links)
print(err(process.set_options({})), err(process.set_options({ trap_links = true })))
print(process.get_options().trap_links)
-- the four relations
local pid = start("spawn", "waits")
for _, f in { "monitor", "link", "unmonitor", "unlink" } do
    local again = f == "monitor" and 2 or 1
    for _ = 1, 2 do print(f, err(process[f](pid))) end
end
for _, f in { "monitor", "link", "unmonitor", "unlink" } do
    print(f, err(process[f]()))
    print(f, err(process[f](nil)))
    print(f, err(process[f]("")))
    print(f, err(process[f]("nobody")))
    print(f, err(process[f]("{app:processes|0xfffff}")))
    print(f, err(process[f]("{no:host|0x00001}")))
    print(f, err(process[f](me)))
    print(f, (pcall(process[f], {})))
end
process.terminate(pid)
-- no event after unmonitor, even when the end is queued
pid = start("spawn_monitored", "nothing")
while process.send(pid, "x") do coroutine.yield() end
print("ended", process.unmonitor(pid))
pid = start("spawn_linked", "fails_text")
while process.send(pid, "x") do coroutine.yield() end
print("ended", process.unlink(pid))
print(channel.select({ events:case_receive() }, true).default)
-- normal ends do nothing to links
pid = start("spawn_linked_monitored", "value", 1)
print(events:receive().kind, channel.select({ events:case_receive(), default = true }).default)
-- a chain: each fails because of the next
local last = start("spawn_monitored", "waits")
local middle = start("spawn_monitored", "links", last)
local first = start("spawn_monitored", "links", middle)
process.send(me, "turn")
process.inbox():receive()
while true do
    -- both links are there when the last answers no more
    require("time").sleep("5ms")
    break
end
process.terminate(last)
local texts = {}
for _ = 1, 3 do
    local e = events:receive()
    texts[e.from] = e.error:kind() .. " " .. e.error:message()
end
print(texts[last])
print(texts[middle] == "Internal linked process failed: " .. last)
print(texts[first] == "Internal linked process failed: " .. middle)
-- trapped
pid = start("spawn_linked", "raises_text")
local e = events:receive()
print(e.kind, e.from == pid, e.result.error, e.error:kind())
-- not trapped
process.set_options({ trap_links = false })
pid = start("spawn_linked", "raises_text")
pcall(events.receive, events)
print("not reached")
