--= nil	Unavailable	there is no registry here
--= nil	Unavailable	there is no registry here
--= nil	Unavailable	there is no registry here
--= nil	Unavailable	there is no registry here
--= nil	Unavailable	there is no registry here
--= nil	Unavailable	there is no registry here
--= nil	Unavailable	there is no registry here
--= app	x
--= nil	Invalid	id cannot be empty
--= false	bad argument #1 to 'get' (string expected, got no value)
-- Whoever runs scripts need not have a registry.
local registry = require("registry")

local function show(value, err)
    print(value, err:kind(), err)
end

show(registry.get("app:x"))
show(registry.find({}))
show(registry.snapshot())
show(registry.snapshot_at(1))
show(registry.versions())
show(registry.apply_version(1))
show(registry.build_delta({}, {}))
local id = registry.parse_id("app:x")
print(id.ns, id.name)
show(registry.get(""))
print(pcall(registry.get))
