--= known answers	7
--= every byte	true
--= without padding	f	fo	foobar
--= Invalid	not base64: invalid length at byte 5
--= Invalid	not base64: invalid symbol at byte 5
--= Invalid	not base64: invalid symbol at byte 3
--= Invalid	not base64: non-zero trailing bits at byte 2
--= Invalid	not base64: invalid symbol at byte 3
--= Invalid	not base64: padding at byte 3 is followed by more
--= Invalid	not base64: padding at byte 1 is followed by more
--= Invalid	not base64: invalid symbol at byte 4
--= Invalid	not base64: invalid symbol at byte 1
--= raised	6
--= large	true
local base64 = require("base64")
-- RFC 4648, section 10
local known = { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==", fooba = "Zm9vYmE=", foobar = "Zm9vYmFy" }
local count = 0
for bytes, text in known do
    assert(base64.encode(bytes) == text and base64.decode(text) == bytes, bytes)
    count += 1
end
print("known answers", count)
local all = {}
for byte = 0, 255 do table.insert(all, string.char(byte)) end
local bytes = table.concat(all)
print("every byte", base64.decode(base64.encode(bytes)) == bytes and string.sub(base64.encode(bytes), -8) == "/P3+/w==")
print("without padding", base64.decode("Zg"), base64.decode("Zm8"), base64.decode("Zm9vYmFy"))
for _, wrong in { "Zm9vY", "Zm9v\nZm9v", "Zm-_", "Zh==", "Zg=", "Zg==Zg==", "====", "Zm9\0", "\255\254\253\252" } do
    local bytes, err = base64.decode(wrong)
    assert(bytes == nil)
    print(err:kind(), err:message())
end
assert(base64.encode(12) == "MTI=" and base64.decode(1234) == base64.decode("1234"))
local raised = 0
for _, f in { base64.encode, base64.decode } do
    raised += (pcall(f) and 0 or 1) + (pcall(f, {}) and 0 or 1) + (pcall(f, true) and 0 or 1)
end
print("raised", raised)
local large = string.rep("\0\1\2", 1e6)
print("large", base64.decode(base64.encode(large)) == large)
