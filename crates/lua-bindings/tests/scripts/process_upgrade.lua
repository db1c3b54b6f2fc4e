--= ready app:child_before	true
--= app:child_after true	true
--= ada false	true
--= listened 1	true
--= unlistened 2	true
--= listened 3	true
--= pid.cancel pid.exit	true
--= true	true
--= listening	true
--= true
--= app:child_after true	true
--= pid.exit	true	child_after.lua:23: as asked
--= pid.link.down	true	child_after.lua:23: as asked
--= NotFound	upgrade: entry not found: app:none
--= pid.link.down
--= Internal	upgrade: child_raises.lua:1: at load
--= pid.link.down
--= NotFound	upgrade: method "main" not found in module
--= pid.link.down
--= Invalid	upgrade: child_syntax.lua:1: Expected identifier when parsing variable name, got '}'
--= pid.link.down
--= false	true
--= Invalid cannot send a function	true
--= false	true
--= app:child_before	true
--= process terminated
--= app:child_after true	true
--= ended
local host = "app:processes"
local time = require("time")

local builder = process.with_context({ user = "ada" })
local pid = builder:with_name("upgraded"):spawn_linked_monitored("app:child_before", host, process.pid())
local other = process.spawn("app:child_reads_mail", host, process.pid(), 1)
process.set_options({ trap_links = true })
process.send(pid, "watch", other)
local said = process.listen("said")
print(said:receive())
-- mail for a listener, for nobody, and events: all of it waits
process.cancel(pid, "1h")
process.send(other, "end", "x")
process.listen("mail"):receive()
process.send(pid, "listened", 1)
process.send(pid, "upgrade", "app:child_after")
process.send(pid, "unlistened", 2)
process.send(pid, "listened", 3)
for _ = 1, 8 do print(said:receive()) end
print(process.registry.lookup("upgraded") == pid)
process.send(pid, "upgrade", nil)
print(said:receive())
process.send(pid, "fail")
local events = process.events()
local exit, down = events:receive(), events:receive()
print(exit.kind, exit.from == pid, exit.error)
print(down.kind, down.from == pid, down.error)

-- upgrades that fail are failures
for _, to in { "app:none", "app:child_raises", "app:child_no_main", "app:child_syntax" } do
    pid = process.spawn_linked_monitored("app:child_before", host, process.pid())
    process.send(pid, "upgrade", to)
    repeat exit = events:receive() until exit.from == pid
    print(exit.error:kind(), exit.error)
    print(events:receive().kind)
end

-- mistakes change nothing
pid = process.spawn_monitored("app:child_before", host, process.pid(), "quiet")
process.send(pid, "mistakes")
for _ = 1, 4 do print(said:receive()) end
process.terminate(pid)
print(events:receive().error)

-- what the former code asked for does not reach the new one
pid = process.spawn_monitored("app:child_before", host, process.pid(), "quiet")
process.send(pid, "busy", "app:child_after")
print(said:receive())
process.send(pid, "end")
print(events:receive().result)
