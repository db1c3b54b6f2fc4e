-- Files of a volume: perilune run examples/files

local fs = require("fs")

-- Calls `visit` with each piece of a file: a line, a word, a character.
local function each(volume, path, mode, visit)
    local stream, err = volume:open(path)
    if err then
        return err
    end
    local scanner = stream:scanner(mode)
    while scanner:scan() do
        visit(scanner:text())
    end
    stream:close()
    return scanner:err()
end

local function main()
    local volume, err = fs.get("app:notes")
    if err then
        return false, err
    end

    -- Write some lines
    local stream = volume:open("moon.txt", "w")
    for _, line in { "the moon is near", "the moon is far", "near and far is the moon" } do
        local _, failed = stream:write(line .. "\n")
        if failed then
            return false, failed
        end
    end
    stream:close()

    -- Read them back
    local number = 0
    err = each(volume, "moon.txt", "lines", function(line)
        number = number + 1
        print(number, line)
    end)
    if err then
        return false, err
    end

    -- Count the words
    local counts, words = {}, {}
    err = each(volume, "moon.txt", "words", function(word)
        if not counts[word] then
            table.insert(words, word)
        end
        counts[word] = (counts[word] or 0) + 1
    end)
    if err then
        return false, err
    end
    table.sort(words)
    for _, word in words do
        print(word, counts[word])
    end

    -- A file that must never be seen half-written is written as a whole
    volume:writefile("count.txt", tostring(#words))
    print("different words:", volume:readfile("count.txt"))

    -- What does not exist is an error value, not a raised error
    local _, missing = volume:readfile("sun.txt")
    print(missing:kind(), missing)

    volume:remove("moon.txt")
    volume:remove("count.txt")
    return true
end

return { main = main }
