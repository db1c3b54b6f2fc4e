local words = require("words")

local function main(parent)
    local names = process.listen("name")
    while true do
        local name = names:receive()
        process.send(parent, "greeting", words.greeting .. ", " .. name)
    end
end

return { main = main }
