--= known answers	17
--= raw	16	20	32	64	true
--= fnv	2166136261	3826002220	3214735720	true
--= numbers count as text	true
--= hash.md5	4
--= bad argument #2 to 'md5' (boolean expected, got string)
--= bad argument #3 to 'hmac_sha1' (boolean expected, got number)
--= raised	38
local hash = require("hash")
local rep = string.rep
local checked = 0
local function check(text, expected)
    assert(text == expected, text)
    checked += 1
end
-- RFC 1321
check(hash.md5(""), "d41d8cd98f00b204e9800998ecf8427e")
check(hash.md5("message digest"), "f96b697d7cb7938d525a2f31aaf161d0")
-- FIPS 180
check(hash.sha1("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d")
check(hash.sha1(rep("a", 1000000)), "34aa973cd4c4daa4f61eeb2bdbad27316534016f")
check(hash.sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
check(hash.sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
check(hash.sha512("abc"), "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f")
-- RFC 2202 and RFC 4231
local key, what = rep("\11", 20), "what do ya want for nothing?"
check(hash.hmac_md5("Hi There", rep("\11", 16)), "9294727a3638bb1c13f48ef8158bfc9d")
check(hash.hmac_md5(what, "Jefe"), "750c783e6ab0b503eaa86e310a5db738")
check(hash.hmac_sha1("Hi There", key), "b617318655057264e28bc0b6fb378c8ef146be00")
check(hash.hmac_sha1(what, "Jefe"), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
check(hash.hmac_sha256("Hi There", key), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
check(hash.hmac_sha256(what, "Jefe"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
check(hash.hmac_sha256(rep("\xdd", 50), rep("\xaa", 20)), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe")
check(hash.hmac_sha512("Hi There", key), "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854")
check(hash.hmac_sha512(what, "Jefe"), "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737")
-- a key longer than a block
check(hash.hmac_sha256("Test Using Larger Than Block-Size Key - Hash Key First", rep("\xaa", 131)), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
print("known answers", checked)
local raw = hash.sha256("abc", true)
print("raw", #hash.md5("", true), #hash.hmac_sha1("", "", true), #raw, #hash.hmac_sha512("a\0b", "\0", true), string.byte(raw) == 0xba and #hash.sha256("abc", false) == 64)
print("fnv", hash.fnv32(""), hash.fnv32("a"), hash.fnv32("foobar"), hash.fnv64("") == 0xcbf29ce484222325 and hash.fnv64("a") == 0xaf63dc4c8601ec8c)
print("numbers count as text", hash.md5(1) == hash.md5("1"))
local names, raised = {}, 0
for name, f in hash do
    for _, wrong in { {}, true } do
        raised += (pcall(f, wrong) and 0 or 1)
    end
    raised += (pcall(f) and 0 or 1)
    if string.find(name, "hmac") then raised += (pcall(f, "x") and 0 or 1) + (pcall(f, "x", {}) and 0 or 1) end
    table.insert(names, name)
end
local function text(f, ...) return (select(2, pcall(f, ...))) end
print("hash.md5", select("#", hash.md5(""), hash.md5("a\0b"), hash.md5("\255"), hash.md5(rep("x", 1e6))))
print(text(hash.md5, "x", "secret"))
print(text(hash.hmac_sha1, "x", "secret", 1))
print("raised", raised)
