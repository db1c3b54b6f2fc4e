--= time	nil	false	module 'time' not found; it must be declared under `modules`
--= json	nil	false	module 'json' not found; it must be declared under `modules`
--= base64	nil	false	module 'base64' not found; it must be declared under `modules`
--= hash	nil	false	module 'hash' not found; it must be declared under `modules`
--= uuid	nil	false	module 'uuid' not found; it must be declared under `modules`
--= env	nil	false	module 'env' not found; it must be declared under `modules`
--= io	nil	false	module 'io' not found; it must be declared under `modules`
--= logger	nil	false	module 'logger' not found; it must be declared under `modules`
--= sql	nil	false	module 'sql' not found
--= false	module 'jsno' not found; did you mean 'json'?
--= function	function	3	nil	x	12
--= false	false	bad argument #1 to 'string' (string expected, got table)
--= Luau	true	ä	6
--@modules
-- Without a declaration: as globals, and through `require`, the same.
for _, name in { "process", "channel", "payload", "errors", "coroutine", "string", "table", "math", "os", "utf8", "bit32" } do
    assert(type(_G[name]) == "table" and require(name) == _G[name], name)
end
-- What must be declared is not there.
for _, name in { "time", "json", "base64", "hash", "uuid", "env", "io", "logger", "sql" } do
    local ok, err = pcall(require, name)
    print(name, _G[name], ok, err)
end
print(pcall(require, "jsno"))
-- What scripts written for other engines look for.
print(type(unpack), type(table.unpack), select("#", unpack({ 1, nil, 3 }, 1, 3)), table.create(8, 8)[1], string("x"), string(12) .. "")
print(pcall(string, nil), pcall(string, {}))
print(_VERSION, math.pi > 3, utf8.char(228), bit32.bxor(5, 3))
