local fs = require("fs")

--- Writes a file again and again, each time as a whole.
local function main(name, letter)
    local vol = fs.get("app:data")
    for _ = 1, 50 do
        assert(vol:writefile(name, string.rep(letter, 100000)))
    end
    return letter
end

return { main = main }
