--= true	nil
--= true	nil
--= true	nil
--= true	nil
--= true
--= false
--= nil	NotFound	name not registered
--= nil	AlreadyExists	name already registered
local name = "service"
local ok, err = process.registry.register(name)  -- pid defaults to self
print(ok, err)
local pid, lookup_err = process.registry.lookup(name)
print(pid == process.pid(), lookup_err)

local other = process.spawn("app:long_worker", "app:processes")
ok, err = process.registry.register("other", other)
print(ok, err)
print(process.registry.lookup("other") == other, nil)
print(process.registry.unregister(name))
print(process.registry.unregister(name))
pid, err = process.registry.lookup(name)
print(pid, err:kind(), err)
ok, err = process.registry.register("other")
print(ok, err:kind(), err)
