return {
    main = function()
        error("worker failed")
    end,
}
