local lib = require("lib")

local function main(parent)
    local before = lib.version()
    process.send(parent, "ready", process.pid())
    local reply = process.listen("go"):receive()
    return { before = before, after = lib.version(), reply = reply, code = "first" }
end

return { main = main }
