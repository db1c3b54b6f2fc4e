--= null
--= true
--= false
--= ""
--= []
--= [[],[[]]]
--= [0,-0,-1,1.5,1e-7,123456789012,9007199254740992,-9007199254740992,9007199254740994,4611686018427387904,1e+20,1e+300,5e-324,0.30000000000000004]
--= "\"\\/\b\f\n\r\t\u0000\u001f ä 😀  "
--= {"":0,"A b":"x","a":[2],"b":1,"ä":{"y":{"x":false},"z":1}}
--= [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]
--= ["a","b","c"]
--= []
--= [[1],[1],[[1]]]
--= [1]
--= ["1970-01-01T00:00:00.000000005Z","1m30s","UTC","m",{"a":1},null]
--= nil	Invalid	cannot encode a function	false
--= nil	Invalid	cannot encode a coroutine	false
--= nil	Invalid	cannot encode the number NaN	false
--= nil	Invalid	cannot encode the number inf	false
--= nil	Invalid	cannot encode the number -inf	false
--= nil	Invalid	cannot encode a string that is not UTF-8; base64 can	false
--= nil	Invalid	cannot encode a string that is not UTF-8; base64 can	false
--= nil	Invalid	cannot encode userdata	false
--= nil	Invalid	cannot encode userdata	false
--= nil	Invalid	cannot encode a buffer	false
--= nil	Invalid	cannot encode a vector	false
--= nil	Invalid	cannot encode a list with holes	false
--= nil	Invalid	cannot encode a list with holes	false
--= nil	Invalid	cannot encode numbers as keys, unless they are 1, 2, 3 and so on	false
--= nil	Invalid	cannot encode numbers as keys, unless they are 1, 2, 3 and so on	false
--= nil	Invalid	cannot encode numbers as keys, unless they are 1, 2, 3 and so on	false
--= nil	Invalid	cannot encode a table with both items and fields	false
--= nil	Invalid	cannot encode a boolean as a key	false
--= nil	Invalid	cannot encode a table as a key	false
--= nil	Invalid	cannot encode a list with holes	false
--= nil	Invalid	cannot encode a table with both items and fields (at [2])	false
--= nil	Invalid	cannot encode a table that contains itself (at x.y[1][1])	false
--= nil	Invalid	cannot encode more than 200 nested tables	false
--= nil	Invalid	cannot encode a function (at users[1].name)	false
--= nil	Invalid	cannot encode a function (at k.k.k.k.k.k.k.k.k.k.k.k.k.k.k.k.k.k.k.k…)	false
--= nil	Invalid	cannot encode the number NaN (at [1][1][1])	false
--= nil	Invalid	cannot encode a table that contains itself (at a.ääääääääääääääääääääääääääääääääääääääää[1][1]._G)	false
--= nil	Invalid	cannot encode a function	false
--= nil	Invalid	cannot encode a string that is not UTF-8; base64 can (at [1])	false
--= 400	400
--= nil	Invalid	payload too large	false
--= 2	90001
--= 605
--= nil	Invalid	cannot encode more than 200 nested tables	false
--= nil	Invalid	payload too large	false
--= nil	Invalid	payload too large	false
--= 100000	99998
--= false	1	1
--= null
--@max_payload_bytes 100000
local json, time, logger = require("json"), require("time"), require("logger")
local function show(...)
    local text, err = json.encode(...)
    if err then return print(text, err:kind(), err:message(), err:retryable()) end
    print(text)
end
-- values
show(nil) show(true) show(false) show("") show({}) show({ {}, { {} } })
show({ 0, -0, -1, 1.5, 1e-7, 123456789012, 2 ^ 53, -2 ^ 53, 2 ^ 53 + 2, 2 ^ 62, 1e20, 1e300, 5e-324, 0.1 + 0.2 })
show("\"\\/\b\f\n\r\t\0\31\127 ä \u{1F600} \u{2028}")
show({ b = 1, a = { 2 }, ["A b"] = "x", [""] = 0, ["ä"] = { z = 1, y = { x = false } } })
local late = {}
for i = 20, 1, -1 do late[i] = i end
show(late)
show({ [2] = "b", [1] = "a", [3] = "c" })
show(table.create(10, 10))
local shared = { 1 }
show({ shared, shared, { shared } })
show(setmetatable({ 1 }, { __index = error, __len = error, __iter = error, __tostring = error, __call = error }))
-- objects with a text of their own
show({ time.unix(0, 5):utc(), time.parse_duration("1m30s"), time.utc, errors.new({ message = "m", kind = "Conflict" }), payload.new({ a = 1 }), payload.new(nil) })
-- the same value is the same text
for _ = 1, 20 do
    local t = {}
    for i = 1, 50 do t["k" .. math.random(1, 1000)] = true end
    local names = {}
    for name in t do table.insert(names, string.format("%q:true", name)) end
    table.sort(names)
    assert(json.encode(t) == "{" .. table.concat(names, ",") .. "}")
end
-- no word for it
local function nested(n)
    local t = {}
    for _ = 2, n do t = { t } end
    return t
end
local loop = { 1, { 2 } }
loop[2].back = loop
local chain = { x = {} }
chain.x.y = { { payload.new(chain) } }
for _, value in {
    print, coroutine.running(), 0 / 0, 1 / 0, -1 / 0, "\255", { ["\192\128"] = 1 }, channel.new(), logger, buffer.create(1), vector.one,
    { 1, nil, 3 }, { [2] = 1 }, { [0] = 1 }, { [1.5] = 1 }, { [-1] = 1 }, { 1, a = 2 }, { [true] = 1 }, { [{}] = 1 }, { [1e300] = 1 },
    loop, chain, nested(201), { users = { { name = print } } }, (function() local t = print for _ = 1, 30 do t = { k = t } end return t end)(), { { { 0 / 0 } } }, { a = { [string.rep("ä", 100)] = { { _G } } } },
    payload.new(print), { payload.new("\255") },
} do show(value) end
print(#json.encode(nested(200)), #json.encode({ nested(199) }))
-- exponential, were it not for the limit
local wide = "x"
for _ = 1, 60 do wide = { wide, wide } end
show(wide)
-- walked once, however large and however often it occurs
print(#json.encode(table.create(0), 1), (function()
    local empty, list = table.create(0, 2 ^ 18), {}
    for i = 1, 30000 do list[i] = empty end
    return #json.encode(list)
end)())
-- what occurs again counts as deep as it is
local high = nested(150)
print(#json.encode({ high, { high } }))
show({ high, nested(49), (function() local t = high for _ = 1, 60 do t = { t } end return t end)() })
show(string.rep("x", 100000))
show(string.rep("\1", 20000))
print(#json.encode(string.rep("x", 99998)), #json.encode(string.rep("\1", 16666)))
print(pcall(json.encode), select("#", json.encode(1, 2)), json.encode(1, print))
show(nil)
