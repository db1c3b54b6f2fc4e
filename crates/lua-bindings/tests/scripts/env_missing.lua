--= nil	Unavailable	this program has no environment for scripts
--= nil	Unavailable	this program has no environment for scripts
--= nil	Unavailable	this program has no environment for scripts
--= nil	variable name cannot be empty
local env = require("env")
for _, f in { env.get, env.set, env.get_all } do
    local value, err = f("NAME", "value")
    print(value, err:kind(), err:message())
end
print(env.get(""))
