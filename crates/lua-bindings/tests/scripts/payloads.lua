--= BYTES=application/octet-stream JSON=json/plain LUA=lua/any STRING=text/plain	true
--= payload.Payload(lua/any)	userdata	true	true	true	true	true
--= nil	false	-inf	true
--= payload.Payload(json/plain)	{"a":"x","b":[1,2]}	table
--= payload.Payload(lua/any)	false	table
--= payload.Payload(text/plain)	{"a":"x","b":[1,2]}	{"a":"x","b":[1,2]}
--= payload.Payload(application/octet-stream)	{"a":"x","b":[1,2]}	{"a":"x","b":[1,2]}
--= payload.Payload(lua/any)	false	table
--= payload.Payload(json/plain)	[1,"a"]	table
--= payload.Payload(json/plain)	"x"	x
--= payload.Payload(lua/any)	x	x
--= payload.Payload(text/plain)	12.5	12.5
--= payload.Payload(application/octet-stream)	true	true
--= payload.Payload(text/plain)	message	message
--= payload.Payload(text/plain)	1970-01-01T00:00:00Z	1970-01-01T00:00:00Z
--= payload.Payload(application/octet-stream)	bytes	bytes
--= payload.Payload(json/plain)	null	nil
--= true	true	true
--= nil	Invalid	cannot encode a table with both items and fields
--= nil	Invalid	cannot encode a function
--= nil	Invalid	a table is no text; JSON may be a form for it
--= nil	Invalid	a nil is no text; JSON may be a form for it
--= nil	Invalid	a buffer is no text; JSON may be a form for it
--= nil	Invalid	bytes that are not UTF-8 are no text
--= nil	Invalid	bytes that are not UTF-8 are no text
--= nil	Invalid	not JSON: text is not UTF-8
--= nil	Invalid	not JSON: text is not UTF-8
--= nil	Invalid	not JSON: EOF while parsing an object at line 1 column 1
--= nil	Invalid	not JSON: more than 200 levels at line 1 column 201
--= nil	Invalid	not JSON: EOF while parsing a list at line 1 column 50000
--= nil	Invalid	payload too large
--= nil	Invalid	unknown payload format `yaml/plain`
--= nil	Invalid	unknown payload format ``
--= false	bad argument #1 to 'new' (value expected, got no value)
--= false	bad argument #1 to 'data' (payload expected, got table)
--= false	bad argument #1 to 'transcode' (payload expected, got userdata)
--= false	false	false	false	false
--= false	false	false	nil	userdata	userdata
--= true	2	true	{"a":"x","b":[1,2]}	nil	12	true
--= true	true	value	e	nil
--= cannot send a function	cannot send a coroutine	payload too large
--= cannot send more than 200 nested tables
--= true	true
--@max_payload_bytes 100000
local time, logger = require("time"), require("logger")
local format = payload.format
local names = {}
for name, text in format do table.insert(names, name .. "=" .. text) end
table.sort(names)
print(table.concat(names, " "), payload == require("payload"))
-- it holds the value
local t = { 1, { 2 } }
t.loop = t
local p = payload.new(t)
print(p, type(p), p:get_format() == format.LUA, p:data() == t, p:data() == p:data(), p:unmarshal() == t, payload.new(p) == p)
for _, v in { nil, false, true, 1.5, "a\0\255", "", print, coroutine.running(), channel.new(), time.now(), errors.new("x"), buffer.create(2), vector.one } do
    assert(rawequal(payload.new(v):data(), v) or payload.new(v):data() == v)
end
print(payload.new(nil):data(), payload.new(false):data(), 1 / payload.new(-0):data(), payload.new(0 / 0):data() ~= payload.new(0 / 0):data())
-- from form to form
local function show(p, err)
    if not p then return print(p, err:kind(), err:message()) end
    local v = p:unmarshal()
    print(p, type(p:data()) == "string" and p:data(), type(v) == "table" and "table" or v)
end
local json = payload.new({ b = { 1, 2 }, a = "x" }):transcode(format.JSON)
show(json)
show(json:transcode(format.LUA))
show(json:transcode(format.STRING))
show(json:transcode(format.BYTES))
show(json:transcode(format.STRING):transcode(format.JSON):transcode(format.LUA))
show(payload.new('[1,"a"]'):transcode(format.BYTES):transcode(format.JSON))
show(payload.new("x"):transcode(format.JSON))
show(payload.new("x"):transcode(format.STRING):transcode(format.LUA))
show(payload.new(12.5):transcode(format.STRING))
show(payload.new(true):transcode(format.BYTES))
show(payload.new(errors.new("message")):transcode(format.STRING))
show(payload.new(time.unix(0):utc()):transcode(format.STRING))
show(payload.new(buffer.fromstring("bytes")):transcode(format.BYTES))
show(payload.new(nil):transcode(format.JSON))
print(json:transcode(format.JSON) == json, json:unmarshal() ~= json:unmarshal(), rawequal(json:data(), json:data()))
-- refused
show(payload.new(t):transcode(format.JSON))
show(payload.new(print):transcode(format.JSON))
show(payload.new(t):transcode(format.STRING))
show(payload.new(nil):transcode(format.BYTES))
show(payload.new(buffer.create(1)):transcode(format.STRING))
show(payload.new("\255"):transcode(format.STRING))
show(payload.new("\255"):transcode(format.BYTES):transcode(format.STRING))
show(payload.new("\255"):transcode(format.BYTES):transcode(format.JSON))
show(payload.new('"\255"'):transcode(format.BYTES):transcode(format.JSON))
show(payload.new("{"):transcode(format.STRING):transcode(format.JSON))
show(payload.new(string.rep("[", 300) .. string.rep("]", 300)):transcode(format.STRING):transcode(format.JSON):transcode(format.LUA))
show(payload.new(string.rep("[", 5e4)):transcode(format.BYTES):transcode(format.JSON))
show(payload.new(string.rep("x", 200000)):transcode(format.JSON))
show(payload.new("x"):transcode("yaml/plain"))
show(payload.new("x"):transcode(""))
-- arguments
print(pcall(payload.new))
print(pcall(p.data, {}))
print(pcall(p.transcode, logger, format.JSON))
print((pcall(p.transcode, p)), (pcall(p.transcode, p, {})), (pcall(p.transcode, p, "\255")), (pcall(p.unmarshal)), (pcall(p.get_format, 1)))
print(pcall(function() p.x = 1 end), pcall(function() payload.new = 1 end), pcall(function() format.X = 1 end), p.x, getmetatable(p), getmetatable(json))
-- on their way to others they are what they hold
local inbox = process.inbox()
local function copy(v)
    local sent, err = process.send(process.pid(), "copy", v)
    if not sent then return err end
    return inbox:receive():payload()
end
local c = copy(p)
print(c ~= t, c[2][1], c.loop == c, copy(json), copy(payload.new(nil)), copy(payload.new(12)), copy(payload.new("a\0")) == "a\0")
c = copy({ p, t, payload.new(t[2]), [payload.new("key")] = payload.new("value"), e = payload.new(errors.new("e")), ch = payload.new(channel.new()) })
print(c[1] == c[2], c[3] == c[1][2], c.key, c.e, c.ch)
print(copy(payload.new(print)), copy({ payload.new(coroutine.running()) }), copy(payload.new(string.rep("x", 200000))))
local deep = payload.new(1)
for _ = 1, 1000 do deep = payload.new({ deep }) end
print(copy(deep))
local self = {}
self.payload = payload.new(self)
c = copy(self)
print(c.payload == c, copy(self.payload).payload.payload ~= nil)
