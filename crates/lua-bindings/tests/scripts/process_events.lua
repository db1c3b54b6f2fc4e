--= value	1	nil	nil	true
--= value	false	nil	nil	true
--= value	v	nil	nil	true
--= value	nil	nil	nil	true
--= value	nil	text	/text/nil	true
--= value	nil	text	/text/nil	true
--= value	1	nil	nil	true
--= nothing	nil	nil	nil	true
--= fails_text	nil	went wrong	/went wrong/nil	true
--= fails_object	nil	gone	Conflict/gone/true	true
--= other_second	kept	nil	nil	true
--= raises_text	nil	raised	Internal/raised/false	true
--= raises_place	nil	child_acts.lua:13: with place	Internal/child_acts.lua:13: with place/false	true
--= raises_object	nil	object	Timeout/object/nil	true
--= raises_message	nil	from table	Internal/from table/false	true
--= raises_nil	nil	nil	Internal/nil/false	true
--= raises_fields	nil	{"code":7,"kind":"Broken"}	Internal/{"code":7,"kind":"Broken"}/false	true
--= raises_what_speaks	nil	code 7	Internal/code 7/false	true
--= raises_what_fails	nil	no words	Internal/no words/false	true
--= raises_what_never_ends	nil	callback ran longer than lua.limits.callback_budget allows (100ms)	Internal/callback ran longer than lua.limits.callback_budget allows (100ms)/false	true
--= raises_much	nil	error object of type table	Internal/error object of type table/false	true
--= raises_boolean	nil	true	Internal/true/false	true
--= returns_function	nil	cannot send a function	Invalid/cannot send a function/false	true
--= returns_channel	nil	nil	nil	true
--= spawned_fails	nil	in a coroutine	Internal/in a coroutine/false	true
--= id	app:child_acts	nil	nil	true
--= terminates_self	nil	process terminated	Canceled/process terminated/false	true
--= true
--= 3	true	gone	text: gone
--= 2	table	result	false	cannot change a protected metatable
--= 2	nil
--= pid.exit	true	went wrong	true	nil
--= pid.link.down	true	went wrong	true	nil
--= pid.exit	pid.cancel	pid.link.down
--= false	false	false	attempt to modify a readonly table
--= false	false	false	attempt to modify a readonly table
--= false	false	false	attempt to modify a readonly table
--= last	pid.exit
local events = process.events()
local function run(...)
    local pid = process.spawn_monitored("app:child_acts", "app:processes", ...)
    local e = events:receive()
    assert(e.kind == process.event.EXIT and e.from == pid and type(e.at) == "number" and e.at > 1e9)
    assert(e.deadline == nil and e.reason == nil)
    return e
end
local function show(what, ...)
    local e = run(what, ...)
    local error = e.error and `{e.error:kind()}/{e.error:message()}/{e.error:retryable()}`
    print(what, e.result.value, e.result.error, error, tostring(e.result) == tostring(e.result.error or e.result.value))
end
show("value", 1)
show("value", false)
show("value", "v", nil)
show("value", nil)
show("value", nil, "text")
show("value", 1, "text")
show("value", 1, 2)
show("nothing")
show("fails_text")
show("fails_object")
show("other_second")
show("raises_text")
show("raises_place")
show("raises_object")
show("raises_message")
show("raises_nil")
show("raises_fields")
show("raises_what_speaks")
show("raises_what_fails")
show("raises_what_never_ends")
show("raises_much")
show("raises_boolean")
show("returns_function")
show("returns_channel")
show("spawned_fails")
show("id")
show("terminates_self")
print(string.find(run("raises_table").result.error, "table", 1, true) ~= nil)
local e = run("fails_object")
print(e.error:details().at, errors.is(e.error, errors.CONFLICT), e.error, "text: " .. e.error)
e = run("value", { a = { 1, 2 } })
print(#e.result.value.a, type(e.result), getmetatable(e.result), pcall(setmetatable, e.result, {}))
for k, v in pairs(e) do assert(k ~= "error", k) end
-- plain otherwise
process.send(process.pid(), "r", e.result)
local r = process.inbox():receive().payload
print(r.value.a[2], getmetatable(r))
-- a link and a monitor
process.set_options({ trap_links = true })
local pid = process.spawn_linked_monitored("app:child_acts", "app:processes", "fails_text")
for _ = 1, 2 do
    e = events:receive()
    print(e.kind, e.from == pid, e.result.error, e.error:kind() == errors.UNKNOWN, e.result.value)
end
print(process.event.EXIT, process.event.CANCEL, process.event.LINK_DOWN)
for _, t in { process, process.event, process.registry } do
    print(pcall(function() t.x = 1 end), pcall(rawset, t, "x", 1), pcall(setmetatable, t, {}))
end
-- nothing reaches the inbox
process.spawn_monitored("app:child_acts", "app:processes", "nothing")
process.send(process.pid(), "last")
print(process.inbox():receive().topic, events:receive().kind)
