--= true	nil
--= Canceled	process terminated
--= true	nil
--= pid.cancel	true	true
--= nil	Invalid	invalid duration format
--= nil	NotFound	pid not registered
local events = process.events()

local destination = process.spawn_monitored("app:deaf_worker", "app:processes")
local ok, err = process.terminate(destination)
print(ok, err)
local exit = events:receive()
print(exit.error:kind(), exit.error)

destination = process.spawn_monitored("app:long_worker", "app:processes")
ok, err = process.cancel(destination, "5s")
print(ok, err)
exit = events:receive()
print(exit.result.value.kind, exit.result.value.from == process.pid(), type(exit.result.value.deadline) == "string")

ok, err = process.cancel(process.pid(), "soon")
print(ok, err:kind(), err)
ok, err = process.cancel(destination, 5000)
print(ok, err:kind(), err)
