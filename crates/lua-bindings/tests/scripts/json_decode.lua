--= nil
--= true
--= false
--= 0
--= -0
--= -12
--= 1.5
--= 1000
--= 0.01
--= 1.2345678901234568e+29
--= 9007199254740992
--= 0.1
--= 
--= 😀ä
--= {}
--= {}
--= {1={} 2={}}
--= {1=1 3=3}
--= {b={1=true 2={c=d}}}
--= {a=2}
--= {}
--= {1=3 =1 a.b=2}
--= 7
--= nil	nil	3
--= nil	Invalid	not JSON: EOF while parsing a value at line 1 column 0	false
--= nil	Invalid	not JSON: EOF while parsing a value at line 1 column 1	false
--= nil	Invalid	not JSON: EOF while parsing a value at line 1 column 3	false
--= nil	Invalid	not JSON: trailing characters at line 1 column 5	false
--= nil	Invalid	not JSON: expected value at line 1 column 1	false
--= nil	Invalid	not JSON: expected value at line 1 column 1	false
--= nil	Invalid	not JSON: trailing comma at line 1 column 4	false
--= nil	Invalid	not JSON: expected `,` or `]` at line 1 column 4	false
--= nil	Invalid	not JSON: EOF while parsing a list at line 1 column 1	false
--= nil	Invalid	not JSON: expected value at line 1 column 1	false
--= nil	Invalid	not JSON: EOF while parsing a list at line 1 column 2	false
--= nil	Invalid	not JSON: trailing comma at line 1 column 8	false
--= nil	Invalid	not JSON: expected `:` at line 1 column 6	false
--= nil	Invalid	not JSON: expected `:` at line 1 column 5	false
--= nil	Invalid	not JSON: key must be a string at line 1 column 2	false
--= nil	Invalid	not JSON: key must be a string at line 1 column 2	false
--= nil	Invalid	not JSON: EOF while parsing an object at line 1 column 6	false
--= nil	Invalid	not JSON: invalid number at line 1 column 2	false
--= nil	Invalid	not JSON: EOF while parsing a value at line 1 column 2	false
--= nil	Invalid	not JSON: expected value at line 1 column 1	false
--= nil	Invalid	not JSON: expected value at line 1 column 1	false
--= nil	Invalid	not JSON: EOF while parsing a value at line 1 column 2	false
--= nil	Invalid	not JSON: EOF while parsing a value at line 1 column 1	false
--= nil	Invalid	not JSON: trailing characters at line 1 column 2	false
--= nil	Invalid	not JSON: expected value at line 1 column 1	false
--= nil	Invalid	not JSON: expected value at line 1 column 1	false
--= nil	Invalid	not JSON: number out of range at line 1 column 5	false
--= nil	Invalid	not JSON: EOF while parsing a string at line 1 column 1	false
--= nil	Invalid	not JSON: invalid escape at line 1 column 3	false
--= nil	Invalid	not JSON: EOF while parsing a string at line 1 column 6	false
--= nil	Invalid	not JSON: unexpected end of hex escape at line 1 column 8	false
--= nil	Invalid	not JSON: lone leading surrogate in hex escape at line 1 column 7	false
--= nil	Invalid	not JSON: control character (\u0000-\u001F) found while parsing a string at line 2 column 0	false
--= nil	Invalid	not JSON: control character (\u0000-\u001F) found while parsing a string at line 1 column 2	false
--= nil	Invalid	not JSON: invalid unicode code point at line 1 column 2	false
--= nil	Invalid	not JSON: expected value at line 1 column 1	false
--= nil	Invalid	not JSON: expected value at line 1 column 1	false
--= nil	Invalid	not JSON: trailing characters at line 1 column 5	false
--= nil	Invalid	not JSON: trailing characters at line 1 column 3	false
--= nil	Invalid	not JSON: expected value at line 1 column 1	false
--= nil	Invalid	not JSON: expected `,` or `]` at line 3 column 6	false
--= 1601	1601
--= nil	Invalid	not JSON: more than 200 levels at line 1 column 202	false
--= nil	Invalid	not JSON: more than 200 levels at line 1 column 1001	false
--= nil	Invalid	not JSON: more than 200 levels at line 1 column 201	false
--= nil	Invalid	not JSON: more than 200 levels at line 1 column 1001	false
--= nil	Invalid	payload too large	false
--= {"a":[1,2],"b":1}	nil
--= false	false	false	false
--@max_payload_bytes 100000
local json = require("json")
local function text(value)
    if type(value) ~= "table" then return tostring(value) end
    local parts = {}
    for key, item in value do table.insert(parts, tostring(key) .. "=" .. text(item)) end
    table.sort(parts)
    return "{" .. table.concat(parts, " ") .. "}"
end
local function show(source)
    local value, err = json.decode(source)
    if err then return print(value, err:kind(), err:message(), err:retryable()) end
    print(text(value))
end
-- values
for _, source in {
    "null", "true", " false\r\n\t", "0", "-0", "-12", "1.5", "1E3", "1e-2", "123456789012345678901234567890", "9007199254740993",
    "0.1000000000000000055511151231257827", '""', '"\\ud83d\\ude00ä"', "[]", "{}", "[[],{}]",
    "[1,null,3,null]", '{"a":null,"b":[true,{"c":"d"}]}', '{"a":1,"a":2}', '{"a":1,"a":null}', '{"":1,"a.b":2,"1":3}', 7,
} do show(source) end
assert(json.decode('"a\\u0041\\n\\/\\"\\\\\\b\\f\\r\\t"') == 'aA\n/"\\\b\f\r\t')
assert(json.decode('"a\\u0000b"') == "a\0b" and json.decode('{"a\\u0000":1}')["a\0"] == 1)
assert(1 / json.decode("-0") == -1 / 0 and json.decode("2.2250738585072011e-308") == 2.2250738585072011e-308)
local holes = json.decode("[null,null,3]")
print(holes[1], holes[2], holes[3])
-- not JSON
for _, source in {
    "", " ", "nul", "nulls", "True", "'a'", "[1,]", "[1 2]", "[", "]", "[1", '{"a":1,}', '{"a" 1}', '{"a"}', "{1:2}", "{a:1}", '{"a":1', "01", "1.", ".5",
    "+1", "1e", "-", "0x10", "NaN", "Infinity", "1e400", '"', '"\\x"', '"\\u12"', '"\\ud800"', '"\\udc00x"', '"a\nb"', '"\0"', '"\255"',
    "\255", "\239\187\191[]", "[1] 2", "[]\0", "// a\n1", '{"a":\n  [1,\n   2 3]}',
} do show(source) end
-- many
local function check(value)
    local source = json.encode(value)
    local back = json.decode(source)
    assert(json.encode(back) == source)
    return back
end
for _, count in { 1, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000 } do
    local list, map, both = {}, {}, {}
    for i = 1, count do list[i] = i map["k" .. i] = i both[i] = { i, { ["k" .. i] = { i } } } end
    local l, m, b = check(list), check(map), check(both)
    assert(#l == count and l[count] == count and m["k" .. count] == count and b[count][2]["k" .. count][1] == count)
    local nulls = json.decode("[" .. string.rep("null,", count) .. "1]")
    assert(nulls[count + 1] == 1 and nulls[count] == nil and json.decode("[" .. string.rep("1,", count) .. "null]")[count] == 1)
    local names = {}
    for i = 1, count do names[i] = '"a":' .. i end
    assert(json.decode("{" .. table.concat(names, ",") .. "}").a == count)
end
-- deep, also far down
local function deep(n) return string.rep("[", n) .. string.rep("]", n), string.rep('{"a":', n) .. "1" .. string.rep("}", n) end
local lists, maps = deep(200)
local function down(n)
    if n == 0 then return #json.encode(json.decode(lists)) + #json.encode(json.decode(maps)) end
    local ok, result = pcall(coroutine.wrap(down), n - 1)
    return result
end
print(down(0), down(50))
lists, maps = deep(201)
show(lists) show(maps) show(string.rep("[", 50000)) show(string.rep('{"a":', 15000))
show("[" .. string.rep("1,", 60000) .. "1]")
-- what is decoded is the script's own
local t = json.decode('{"a":[1]}')
t.b, t.a[2] = 1, 2
print(json.encode(t), getmetatable(t))
print(pcall(json.decode), pcall(json.decode, {}), (pcall(json.decode, true)), (pcall(json.decode, nil)))
