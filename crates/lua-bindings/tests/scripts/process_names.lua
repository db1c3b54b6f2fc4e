--= true	true	true	true
--= nil	AlreadyExists: name already registered
--= true	true	true
--= nil	Invalid: register requires a name argument
--= nil	Invalid: register requires a name argument
--= nil	Invalid: name cannot be empty
--= nil	Invalid: name `{app:processes|0x00100}` has the form of a pid
--= nil	Invalid: pid must be a PID string
--= nil	Invalid: pid must be a PID string
--= nil	NotFound: pid not found
--= nil	NotFound: pid not found
--= false	nil	Invalid: lookup requires a name argument
--= nil	NotFound: name not registered
--= nil	Invalid: unregister requires a name argument
--= false	true	false	nil
--= hello	1	true
--= stopped	nil	NotFound: name not registered
--= false	NotFound: could not resolve 'another' as PID or registered name
--= app:process_names	true
local r = process.registry
local me = process.pid()
local function err(...)
    local ok, e = ...
    return tostring(ok), e and e:kind() .. ": " .. e:message()
end
local pid = process.spawn_monitored("app:child_acts", "app:processes", "echo")
print(r.register("me"), r.register("me"), r.register("me", me), r.lookup("me") == me)
print(err(r.register("me", pid)))
print(r.register("other", pid), r.register("another", pid), r.lookup("another") == pid)
print(err(r.register()))
print(err(r.register(nil)))
print(err(r.register("")))
print(err(r.register(me)))
print(err(r.register("x", 1)))
print(err(r.register("x", "no pid")))
print(err(r.register("x", "{app:processes|0xfffff}")))
print(err(r.register("x", "{no:host|0x00001}")))
print((pcall(r.register, {})), err(r.lookup()))
print(err(r.lookup("x")))
print(err(r.unregister()))
print(r.unregister("x"), r.unregister("me"), r.unregister("me"), (r.lookup("me")))
-- names as destinations
process.send("other", "hello", 1)
local m = process.inbox():receive()
print(m.topic, m.payload, m.from == pid)
process.send("other", "stop")
local e = process.events():receive()
print(e.result, err(r.lookup("other")))
print(err(process.send("another", "x")))
print(process.id(), string.match(me, "^{app:processes|0x%x%x%x%x%x+}$") ~= nil)
