--= waits	true	nil
--= true	Canceled	process terminated	nil	NotFound: pid not registered
--= sleeps	true	nil
--= true	Canceled	process terminated	nil	NotFound: pid not registered
--= spins	true	nil
--= true	Canceled	process terminated	nil	NotFound: pid not registered
--= spins_in_pcall	true	nil
--= true	Canceled	process terminated	nil	NotFound: pid not registered
--= spins_in_coroutines	true	nil
--= true	Canceled	process terminated	nil	NotFound: pid not registered
--= spins_in_xpcall	true	nil
--= true	Canceled	process terminated	nil	NotFound: pid not registered
--= spins_in_sort_pcall	true	nil
--= true	Canceled	process terminated	nil	NotFound: pid not registered
--= spins_in_index	true	nil
--= true	Canceled	process terminated	nil	NotFound: pid not registered
--= true	Canceled	process terminated	nil	NotFound: pid not registered
--= nil	Invalid: terminate requires a destination argument
--= nil	Invalid: destination cannot be empty
--= nil	NotFound: could not resolve 'nobody' as PID or registered name
--= nil	NotFound: pid not registered
--= false
--= last
--= error: process terminated
local events = process.events()
local function err(...)
    local ok, e = ...
    return tostring(ok), e and e:kind() .. ": " .. e:message()
end
for _, act in {
    "waits", "sleeps", "spins", "spins_in_pcall", "spins_in_coroutines", "spins_in_xpcall", "spins_in_sort_pcall",
    "spins_in_index", "terminates_self",
} do
    local pid = process.spawn_monitored("app:child_acts", "app:processes", act)
    if act ~= "terminates_self" then
        print(act, err(process.terminate(pid)))
    end
    local e = events:receive()
    print(e.from == pid, e.error:kind(), e.error:message(), err(process.terminate(pid)))
end
print(err(process.terminate()))
print(err(process.terminate("")))
print(err(process.terminate("nobody")))
print(err(process.terminate("{no:host|0x00001}")))
print((pcall(process.terminate, {})))
process.registry.register("me")
print("last")
pcall(function() process.terminate("me") end)
print("not reached")
