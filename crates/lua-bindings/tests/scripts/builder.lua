--= string
--= first	true	1
--= second	true	b
--= first	true	nil
--= true
--= true
--= nil	AlreadyExists: name already registered: the worker
--= hello
--= true
--= mail	pid.exit
--= nil	NotFound: name not registered
--= nil	NotFound: entry not found: app:none
--= nil	Internal: child_raises.lua:1: at load
--= nil	NotFound: name not registered
--= nil	Invalid: spawn requires at least id and host arguments
--= nil	Invalid: spawn requires at least id and host arguments
--= nil	Invalid: id cannot be empty
--= nil	Invalid: host cannot be empty
--= nil	NotFound: host not found: app:none
--= false	bad argument #1 to 'spawn' (string expected, got table)
--= false	bad argument #1 to 'spawn' (process.SpawnBuilder expected, got table)
--= false	name cannot be empty
--= false	name `{app:processes|0x00001}` has the form of a pid
--= false	bad argument #1 to 'with_name' (string expected, got no value)
--= false	bad argument #1 to 'with_message' (string expected, got no value)
--= false	cannot send to @ topics
--= false	topic cannot be empty
--= false	Invalid	cannot send a function
--= process.SpawnBuilder	true
--= true	true
--= mail
--= false	placement must be 'auto', 'local' or 'spread'
--= false	placement must be 'auto', 'local' or 'spread'
--= false	placement must be a string, not a number
--= false	bad argument #1 to 'with_options' (table expected, got no value)
--= false	bad argument #1 to 'with_options' (table expected, got string)
local host = "app:processes"
local function show(value, err) print(value, err and err:kind() .. ": " .. err:message()) end

local plain = process.with_context({})
local waiting = plain:with_message("first", 1):with_message("second", "a", nil, "b"):with_message("first")
local pid = waiting:spawn_monitored("app:child_reads_mail", host, process.pid(), 3)
print(type(pid))
local got = process.listen("mail")
for _ = 1, 3 do
    local mail = got:receive()
    print(mail.topic, mail.from == process.pid(), type(mail.payload) == "table" and mail.payload[3] or mail.payload)
end
print(process.events():receive().from == pid)

-- a name is there before the child runs, and free when it is over
local named = plain:with_name("the worker"):with_message("first", "hello")
pid = named:spawn_linked("app:child_reads_mail", host, process.pid(), 2)
print(process.registry.lookup("the worker") == pid)
show(named:spawn("app:child_reads_mail", host, process.pid(), 1))
print(got:receive().payload)
print(channel.select({ got:case_receive(), default = true }).default)
process.monitor(pid)
process.send("the worker", "more", "mail")
print(got:receive().payload, process.events():receive().kind)
show(process.registry.lookup("the worker"))
show(plain:with_name("free again"):spawn("app:none", host))
show(plain:with_name("free again"):spawn("app:child_raises", host))
show(process.registry.lookup("free again"))

show(plain:spawn())
show(plain:spawn("app:child_acts"))
show(plain:spawn_monitored("", host))
show(plain:spawn_linked("app:child_acts", ""))
show(plain:spawn_linked_monitored("app:child_acts", "app:none"))
print(pcall(plain.spawn, plain, {}, host))
print(pcall(plain.spawn, {}, "app:child_acts", host))
for _, bad in { "", "{app:processes|0x00001}" } do print(pcall(plain.with_name, plain, bad)) end
print(pcall(plain.with_name, plain))
print(pcall(plain.with_message, plain))
print(pcall(plain.with_message, plain, "@topic"))
print(pcall(plain.with_message, plain, ""))
local ok, err = pcall(plain.with_message, plain, "topic", print)
print(ok, err:kind(), err)

-- options: those nobody knows change nothing, and the builder they were given to keeps its own
local options = process.with_options({ network = "none" })
local function starts(builder) return type(builder:spawn("app:child_reads_mail", host, process.pid(), 0)) == "string" end
print(tostring(options), starts(options))
local placed = options:with_options({ placement = "spread" }):with_options({})
print(starts(placed), starts(process.with_options({ placement = "auto" })))
local beside = process.with_options({ placement = "local" }):with_message("first", "mail")
beside:spawn("app:child_reads_mail", host, process.pid(), 1)
local read = got:receive()
print(read.payload)
for _, bad in { "everywhere", "" } do print(pcall(process.with_options, { placement = bad })) end
print(pcall(options.with_options, options, { placement = 1 }))
print(pcall(process.with_options))
print(pcall(options.with_options, options, "local"))
