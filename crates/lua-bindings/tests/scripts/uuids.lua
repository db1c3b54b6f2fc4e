--= named	0a300ee9-f9e4-5697-a51a-efc7fafaba67	0707ab3b-f989-3764-beea-cd1d6804cf9c	b4bdf874-8c03-5bd8-8fd7-5e409dfd82c0	b4ef785f-a0b0-54a6-9acf-673d8bf35923
--= made	6000
--= 1	RFC4122	1645557742	9f:6b:de:ce:d8:46
--= 6	RFC4122	1645557742	9f:6b:de:ce:d8:46
--= 7	RFC4122	1645557742	nil
--= 3	RFC4122	nil	nil
--= 0	NCS	nil	nil
--= 15	Future	nil	nil
--= 1	RFC4122	-12219292800	00:00:00:00:00:00
--= 1	RFC4122	103072857660.6847	ff:ff:ff:ff:ff:ff
--= 7	Microsoft	281474976710.655	nil
--= node	true	17	1
--= format	919108f752d143209bacf847db4148a8	urn:uuid:919108f7-52d1-4320-9bac-f847db4148a8	true
--= validate	true	true	true	false	false	false	false	false	false
--= nil	Invalid	not a UUID: invalid length: found 0
--= nil	Invalid	not a UUID: invalid character: found `n` at 0
--= nil	Invalid	not a UUID: invalid length: found 1000000
--= nil	Invalid	style must be standard, simple or urn
--= nil	Invalid	not a UUID: invalid character: found `x` at 0
--= nil	Invalid	namespace is neither dns, url, oid, x500 nor a UUID: text is not UTF-8
--= nil	Invalid	namespace is neither dns, url, oid, x500 nor a UUID: invalid length: found 0
--= raised	11	11
local uuid = require("uuid")
-- RFC 9562, appendix A
local dns = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
assert(uuid.v3(dns, "www.example.com") == "5df41881-3aed-3515-88a7-2f4a814cf09e")
assert(uuid.v5(dns, "www.example.com") == "2ed6657d-e927-568b-95e1-2665a8aea6a2")
assert(uuid.v5("dns", "www.example.com") == uuid.v5(dns, "www.example.com"))
print("named", uuid.v5("url", "http://example.com/"), uuid.v3("oid", "1.3"), uuid.v5("x500", ""), uuid.v5(dns, "a\0b\255"))
for _, v in { 1, 4, 7 } do
    local make, seen = uuid["v" .. v], {}
    for _ = 1, 2000 do
        local id = make()
        assert(#id == 36 and uuid.validate(id) and uuid.version(id) == v and uuid.variant(id) == "RFC4122" and not seen[id], id)
        seen[id] = true
    end
end
local before = uuid.v7()
for _ = 1, 2000 do
    local after = uuid.v7()
    assert(before < after)
    before = after
end
print("made", 6000)
local function show(id)
    local parts, err = uuid.parse(id)
    if not parts then return print(err:kind(), err:message()) end
    print(parts.version, parts.variant, parts.timestamp, parts.node)
end
show("C232AB00-9414-11EC-B3C8-9F6BDECED846")
show("1EC9414C-232A-6B00-B3C8-9F6BDECED846")
show("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")
show("{5df41881-3aed-3515-88a7-2f4a814cf09e}")
show("00000000-0000-0000-0000-000000000000")
show("ffffffff-ffff-ffff-ffff-ffffffffffff")
show("00000000-0000-1000-8000-000000000000")
show("ffffffff-ffff-1fff-bfff-ffffffffffff")
show("ffffffff-ffff-7fff-cfff-ffffffffffff")
local now = os.time()
for _, make in { uuid.v1, uuid.v7 } do assert(math.abs(uuid.parse(make()).timestamp - now) < 3600) end
local one, two = uuid.parse(uuid.v1()).node, uuid.parse(uuid.v1()).node
print("node", one == two, #one, bit32.band(tonumber(string.sub(one, 1, 2), 16), 1))
local id = "919108f7-52d1-4320-9bac-f847db4148a8"
local simple, urn = uuid.format(id, "simple"), uuid.format(id, "urn")
print("format", simple, urn, uuid.format(urn, "standard") == id and uuid.format(string.upper(simple), "standard") == id)
print("validate", uuid.validate(id), uuid.validate(simple), uuid.validate(urn), uuid.validate(""), uuid.validate(id .. "0"), uuid.validate("\255\0"), uuid.validate(nil), uuid.validate({}), uuid.validate(12))
local function fails(id, err) print(id, err:kind(), err:message()) end
fails(uuid.version(""))
fails(uuid.variant("not one"))
fails(uuid.parse(string.rep("0", 1e6)))
fails(uuid.format(id, "curly"))
fails(uuid.format("x\0", "urn"))
fails(uuid.v3("\255", "x"))
fails(uuid.v5("", "x"))
local raised = 0
for _, call in {
    { uuid.v3 }, { uuid.v3, dns }, { uuid.v5, {}, "x" }, { uuid.v5, dns, {} }, { uuid.version }, { uuid.variant, {} },
    { uuid.parse, true }, { uuid.parse }, { uuid.format, id }, { uuid.format, {}, "urn" }, { uuid.format, id, {} },
} do
    raised += (pcall(unpack(call)) and 0 or 1)
end
print("raised", raised, 11)
