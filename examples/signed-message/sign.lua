-- A message as other programs take it: JSON, and a signature that whoever knows the secret can check.
local function sign(value)
    local secret = assert(env.get("MESSAGE_SECRET"))
    local body = assert(json.encode(value))
    return body, base64.encode(hash.hmac_sha256(body, secret, true))
end

local function check(body, signature)
    local value = assert(json.decode(body))
    local _, expected = sign(value)
    return signature == expected
end

local function main()
    local body, signature = sign({ event = "order.paid", items = { "moon", "orbit" }, total = 12.5 })
    print(body)
    print(signature)
    print("genuine:", check(body, signature))
    print("changed:", check((string.gsub(body, "12.5", "0.5")), signature))

    local _, err = json.encode({ callback = main })
    print(err)
end

return { main = main }
