--= 5
--= 6
--= nil
--= nil	: went wrong	nil
--= nil	Conflict: busy	true
--= nil	Internal: child_called.lua:7: boom	false
--= nil	Invalid: call requires at least id and host arguments	false
--= nil	Invalid: call requires at least id and host arguments	false
--= nil	Invalid: id cannot be empty	false
--= nil	Invalid: id must have the form namespace:name, got 'called'	false
--= nil	Invalid: host cannot be empty	false
--= nil	NotFound: entry not found: app:none	false
--= nil	NotFound: host not found: app:none	false
--= nil	NotFound: method "main" not found in module	false
--= nil	Invalid: cannot send a function	false
--= false	bad argument #1 to 'call' (string expected, got table)
--= false	process_call.lua:47: attempt to yield across metamethod/C-call boundary
--= 11 12 13
--= nil	Canceled: process terminated	false
--= true	still here
--= true
local function show(value, err)
    if err then
        print(value, err:kind() .. ": " .. err:message(), err:retryable())
    else
        print(value)
    end
end

local id, host = "app:child_called", "app:processes"
show(process.call(id, host, "add", 2, 3))
show(process.exec(id, host, "add", 2, 4))
show(process.call(id, host, "nothing"))
show(process.call(id, host, "fails"))
show(process.call(id, host, "structured"))
show(process.call(id, host, "raises"))
show(process.call(id))
show(process.call())
show(process.call("", host))
show(process.call("called", host))
show(process.call(id, ""))
show(process.call("app:none", host))
show(process.call(id, "app:none"))
show(process.call("app:child_no_main", host))
show(process.call(id, host, print))
print(pcall(process.call, {}, host))
print(pcall(function() return setmetatable({}, { __index = function() return process.call(id, host, "nothing") end }).x end))

-- several at once, and the caller goes on meanwhile
local done = channel.new(3)
for i = 1, 3 do
    coroutine.spawn(function() done:send(process.call(id, host, "add", i, 10)) end)
end
local results = { done:receive(), done:receive(), (done:receive()) }
table.sort(results)
print(table.concat(results, " "))

-- terminated while called
local ready = process.listen("ready")
coroutine.spawn(function()
    show(process.call(id, host, "waits", process.pid()))
    done:send(true)
end)
process.terminate(ready:receive())
done:receive()

-- the callee of a caller that ended goes on
local caller = process.spawn("app:child_called", host, "calls", process.pid())
local callee = ready:receive()
process.monitor(callee)
process.terminate(caller)
process.send(callee, "go", "still here")
local event = process.events():receive()
print(event.from == callee, event.result)
-- and no EXIT comes for a called process
print(channel.select({ process.events():case_receive(), default = true }).default)
